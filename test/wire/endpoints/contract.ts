import type { CaseResponse, WireCase } from '../case.ts'
import type { HttpAnswer } from '../checks/http.ts'
import type { CheckName, Line } from '../checks/probe.ts'
import type { VendorProvider } from '../vendor.ts'

/** A way to ask the gateway for what an endpoint gives, other than in the vendor's own format. */
export interface Way {
  readonly check: CheckName
  readonly label: string
  /** Asks for as much as was recorded. An RPC that fails throws its `ConnectError`. */
  readonly ask: (line: Line, wireCase: WireCase) => Promise<Told>
}

/** What came back: an HTTP answer with what it says where it is a success, or what an RPC says. */
export type Told = { readonly answer: HttpAnswer; readonly said: unknown } | { readonly said: unknown }

/**
 * An endpoint of a vendor for something else than a chat, and how its recordings are checked. To be added to the list in `index.ts`; its
 * recordings are then part of every run, each with a provider of its own.
 */
export interface Endpoint {
  /** The end of its path, without the query. */
  readonly path: RegExp
  /** Whether an answer is one of this endpoint, where no path was recorded. */
  readonly isAnswer?: (response: CaseResponse) => boolean
  /** What follows a provider's base URL, where the plugin is found as it is for chat completions. */
  readonly below?: string
  /** The provider to ask, where that is another. */
  readonly provider?: (wireCase: WireCase) => VendorProvider | undefined
  /** Asks the recorded question in the vendor's own format, or a plain one; absent where no client of ours speaks it. */
  readonly own?: (line: Line, wireCase: WireCase) => Promise<HttpAnswer>
  /** How an answer in the vendor's own format differs from the recorded one; by default as JSON, or as the values of a stream. */
  readonly unlike?: (wireCase: WireCase, answer: HttpAnswer) => readonly string[]
  /** What is wrong with what arrived at the vendor when the recorded question was asked; called where it has a body. */
  readonly arrived: (line: Line, wireCase: WireCase) => readonly string[]
  /** Asks the recorded question over RPC, in the contract's own terms, where it can be said in them. */
  readonly translated?: (line: Line, wireCase: WireCase) => Promise<unknown>
  /** What is wrong with what arrived of that. */
  readonly arrivedTranslated?: (line: Line, wireCase: WireCase) => readonly string[]
  /** What the recorded answer says, to be said by every way: content and usage. */
  readonly said: (wireCase: WireCase) => unknown
  readonly ways: readonly Way[]
}
