import type { Ledger } from '../core/contract.ts'
import type { BatchProblem, ClaimedLine, ContentRow, LineAnswer, LineClaim, RequestRow } from '../store/contract.ts'
import type { Vault } from '../store/vault.ts'

/** How batches are worked on. Times are milliseconds. */
export interface BatchSettings {
  /** Lines that this process works on at once; 0: it works on no batch. */
  readonly lines: number
  /** Lines of one batch that are worked on at once, by all processes together. */
  readonly perBatch: number
  /** Calls for batches that this process has open at one provider. */
  readonly perProvider: number
  /** After how long somebody else takes over what nobody has renewed. */
  readonly leaseMs: number
  /** Between two looks for work, while there is none. */
  readonly pollMs: number
  /** How long a batch may take: the default, and the longest. */
  readonly windowMs: number
  /** How long a batch is known after its end; Infinity: for ever. */
  readonly keptMs: number
  /** Most lines of a batch. */
  readonly mostLines: number
  /** Most bytes of an input. */
  readonly mostBytes: number
  /** Most bytes of a line. */
  readonly mostLineBytes: number
  /** How often a line is tried whose failure may pass. */
  readonly tries: number
  /** Before a line is tried again: at first, twice that for each further try, and at most. */
  readonly backOffMs: readonly [first: number, most: number]
}

/** The ledger of one call, whose row is held back until it is known where it goes. */
export interface HeldLedger extends Ledger {
  /** Undefined until the call is settled. */
  readonly row: RequestRow | undefined
  readonly content: ContentRow | undefined
  /** The store has the row. */
  taken(): void
  /** The row goes the usual way. */
  passOn(): Promise<void>
}

/** What came of trying a line. */
export interface Tried {
  readonly outcome: LineAnswer | BatchProblem
  /** Set where the failure may pass: how long to wait, where that was said. */
  readonly again?: { readonly afterMs?: number }
  /** Absent where no call was begun, or none is written down. */
  readonly ledger: HeldLedger | undefined
}

/** Asks what a line asks, as if it had come over HTTP. */
export interface LineRunner {
  /** Never rejects. Ends soon after the signal is aborted. */
  run(line: ClaimedLine, signal: AbortSignal): Promise<Tried>
}

/** What is wrong with asking that path by that method; undefined when nothing is. */
export type Refusal = (method: string, url: string) => BatchProblem | undefined

/** Where files are kept. */
export type FileKeeper = Pick<Vault, 'keep' | 'open' | 'remove'>

/** Where inputs come from, and results go, beside files. */
export interface Places {
  /** Throws `invalid_request` for what nobody may read: seen by the text alone, nothing is asked. */
  checkInput(input: string): void
  /** Throws `invalid_request` for a place that nobody may write to. */
  checkOutput(prefix: string): void
  /** The bytes of a URL. Throws `invalid_request` where it leads to what nobody may read, and `not_found`. */
  read(input: string, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Writes bytes below a prefix. */
  write(prefix: string, name: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>
}

/** Is told how work on lines gets on. */
export interface BatchWatch {
  /** That came of a line: `again` where it is to be tried again, `lost` where another process had taken it over. */
  tried(outcome: 'done' | 'failed' | 'again' | 'lost'): void
}

/** A line that is being worked on. */
export interface RunningLine {
  readonly claim: LineClaim
  readonly stop: AbortController
}
