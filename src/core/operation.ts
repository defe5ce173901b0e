import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { OperationName, Operations } from '../dialects/operation.ts'
import type { CallContext, Provider } from '../provider/contract.ts'
import type { CallContent } from './contract.ts'

/** What the events of an answer have told so far. */
export interface Tally {
  /** As reported. */
  usage: Usage | undefined
  /** Characters of text that were written. */
  written: number
  /** How much was written when the usage was told. */
  toldAt: number
  /** The last events told a usage, also where it is the object of an earlier one. */
  told: boolean
  /** How its choices ended, in the contract's words. */
  readonly finished: string[]
  /** The answer is one that may end here. */
  complete: boolean
}

/** Notes a usage that an event told. */
export function tellUsage(tally: Tally, usage: Usage): void {
  tally.usage = usage
  tally.toldAt = tally.written
  tally.told = true
}

/** The beginning of an answer, as far as every operation has one. */
export interface Head {
  /** The upstream's own id of the call; may be changed in place. */
  upstreamRequestId: string
  /** Paths of the request that the provider could not carry. */
  readonly dropped: string[]
}

/** Keeps the end of an answer from the client until the call is settled. */
export interface End<Event> {
  /** What was held back. */
  readonly held: readonly Event[]
  /** What of a batch may go out at once. Throws `provider_error` when an answer that has ended does not stop. */
  pass(batch: readonly Event[]): readonly Event[]
  /** Holds back what the gateway itself has to say of the usage, which the provider did not report. */
  addUsage(usage: Usage): void
}

/** Events folded to the answer they spell. */
export interface Folding<Event, Response> {
  add(batch: readonly Event[]): void
  response(): Response
}

/** What the way of a call has to know of the operation that is asked for. Knows no provider and no dialect. */
export interface Operation<Name extends OperationName> {
  readonly name: string
  /** What a provider without it cannot do, as in "the provider cannot chat". */
  readonly verb: string
  /** True where a first event may take as long as the whole call: nothing is seen of the work before it is done. */
  readonly slow: boolean
  /** True where what the call began is paid by a row of its own, once it is there: the call itself costs nothing. */
  readonly paidLater?: boolean
  /** True where the answer is no text, whose tokens its length would tell: what one costs whose usage is not told is then not known. */
  readonly wordless?: boolean
  /** Whether the provider has it at all. */
  offeredBy(provider: Provider): boolean
  /** The answer of a provider that has it, in steps as it yields them. */
  ask(provider: Provider, request: Operations[Name]['request'], context: CallContext): AsyncIterable<unknown>
  /** A step as complete messages that arrived together. Throws `provider_error` for what is none. */
  complete(step: unknown): readonly Operations[Name]['event'][]
  /** The first events, as clients may rely on them. */
  begin(batch: readonly Operations[Name]['event'][]): readonly Operations[Name]['event'][]
  /** Later events, as clients may rely on them. */
  proceed(batch: readonly Operations[Name]['event'][]): readonly Operations[Name]['event'][]
  /** What the first events tell of the answer. */
  head(first: readonly Operations[Name]['event'][]): Head | undefined
  /** Takes in events on their way to the client. */
  observe(batch: readonly Operations[Name]['event'][], tally: Tally, request: Operations[Name]['request']): void
  /** Characters of what the model has to read, for an estimate of its tokens. */
  lengthOf(request: Operations[Name]['request']): number
  /** Units that a usage of the gateway's own counts, where they can be told by the request. */
  counts?(request: Operations[Name]['request']): Partial<Usage>
  /** How the end of an answer to this request is held back. */
  end(request: Operations[Name]['request']): End<Operations[Name]['event']>
  /** The request with a limit of the answer that is not above `most`; absent where there is no such limit. */
  capped?(request: Operations[Name]['request'], most: () => number | undefined): Operations[Name]['request']
  fold(): Folding<Operations[Name]['event'], Operations[Name]['response']>
  /** Question and answer as they are kept where an account wants that. */
  content(request: Operations[Name]['request'], response: Operations[Name]['response']): CallContent
}
