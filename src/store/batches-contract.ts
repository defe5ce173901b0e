import type { ContentRow, RequestRow, UsageSums } from './ledger-contract.ts'
import type { AccountScope, Page, PageRequest } from './scope.ts'

/*
 * Batches: many requests as one durable job, each a line of it. Whoever works on a batch or a line has it on lease: for a time, and with
 * a fence, a number that counts up whenever somebody else takes it over. What comes with a fence that is no longer the current one
 * changes nothing, however late it comes and whatever clocks say.
 */

/** Where a batch stands. The last four are ends: nothing changes any more. */
export const batchStatuses = [
  'validating',
  'in_progress',
  'finalizing',
  'cancelling',
  'completed',
  'failed',
  'cancelled',
  'expired',
] as const

/** One of {@link batchStatuses}. */
export type BatchStatus = (typeof batchStatuses)[number]

/** A batch as it is asked for. */
export interface NewBatch {
  /** `batch_` and 32 hex digits. */
  readonly id: string
  readonly accountId: string
  /** The key that asked for it, or empty where none was needed. What it may do is looked up again for each line. */
  readonly keyId: string
  readonly dialect: string
  /** A file id, or a URL. */
  readonly input: string
  /** The path that every line has to name; empty: any. */
  readonly endpoint: string
  /** As the client said it. */
  readonly completionWindow: string
  readonly metadata: Readonly<Record<string, string>>
  /** Where results are written as well; empty: nowhere else. */
  readonly outputPrefix: string
  readonly created: number
  /** When what is not done by then is given up. */
  readonly expires: number
}

/** Why something failed: a word, and a sentence for whoever asked. */
export interface BatchProblem {
  readonly code: string
  readonly message: string
}

/** A batch. Counts and sums are exact at every moment. */
export interface BatchRow extends NewBatch {
  readonly status: BatchStatus
  readonly total: number
  readonly completed: number
  readonly failed: number
  /** What its lines consumed, those that failed too. */
  readonly usage: UsageSums
  /** Empty where there is none. */
  readonly outputFileId: string
  readonly errorFileId: string
  /** When its lines began to be worked on, the files to be written, it was cancelled, and it ended. */
  readonly began: number | undefined
  readonly finalizing: number | undefined
  readonly cancelling: number | undefined
  readonly finished: number | undefined
  /** Why the whole batch failed. */
  readonly problem: BatchProblem | undefined
}

/** A batch on lease, for what is done with it as a whole. */
export interface BatchJob {
  readonly batch: BatchRow
  readonly fence: number
}

/** A line of the input: a request, or what is wrong with it. */
export interface NewLine {
  /** From 1. */
  readonly line: number
  readonly customId: string
  readonly method: string
  readonly url: string
  /** JSON text. */
  readonly body: string
  /** Set: the line is no request, and has failed. */
  readonly problem?: BatchProblem
}

/** Which line, and by which claim. */
export interface LineClaim {
  readonly batchId: string
  readonly line: number
  readonly fence: number
}

/** A line on lease. */
export interface ClaimedLine extends LineClaim, Pick<NewLine, 'customId' | 'method' | 'url' | 'body'> {
  /** How often it was tried and is to be tried again. */
  readonly tries: number
  readonly batch: Pick<NewBatch, 'accountId' | 'keyId' | 'expires'>
}

/** How many lines may be on lease. */
export interface ClaimLimits {
  /** Taken now, at most. */
  readonly lines: number
  /** Of one batch at the same time, whoever has them. */
  readonly perBatch: number
}

/** An answer to a line. */
export interface LineAnswer {
  readonly httpStatus: number
  readonly requestId: string
  /** JSON text. */
  readonly body: string
  /** Paths of the request that the provider could not carry; of very many, only some are kept. */
  readonly dropped: readonly string[]
}

/** What came of a line, and the row of its call. */
export interface Completion {
  readonly claim: LineClaim
  readonly outcome: LineAnswer | BatchProblem
  /** Undefined where no call was made, or none is kept. */
  readonly request: RequestRow | undefined
  readonly content: ContentRow | undefined
}

/** A line as results are made of it. */
export interface LineRow {
  readonly line: number
  readonly customId: string
  readonly state: 'pending' | 'running' | 'done' | 'failed'
  readonly answer: LineAnswer | undefined
  readonly problem: BatchProblem | undefined
  /** What of it is not zero. */
  readonly usage: Readonly<Partial<UsageSums>>
}

/** What there is to do: of batches that have not ended. */
export interface OpenBatches {
  /** How many there are, by status. */
  readonly batches: Readonly<Partial<Record<BatchStatus, number>>>
  /** Their lines of which nothing came yet. */
  readonly lines: number
  /** When the oldest of them was made. */
  readonly oldest: number | undefined
}

/** Which page of batches. */
export interface BatchPage extends PageRequest {
  /** The page begins behind the batch of this id, instead of at a cursor; `invalid_request` when it is not there. */
  readonly after?: string | undefined
}

/** The files that a batch ends with; empty where there is none. */
export type BatchFiles = Pick<BatchRow, 'outputFileId' | 'errorFileId'>

/** Batches and their lines. What takes a fence resolves with false, and has changed nothing, where another has taken over. */
export interface BatchStore {
  create(batch: NewBatch): Promise<void>
  /** `not_found`, also for another account's. */
  batch(id: string, scope: AccountScope): Promise<BatchRow>
  /** What has not ended, of all accounts. */
  open(): Promise<OpenBatches>
  /** Newest first. */
  batches(status: BatchStatus | undefined, scope: AccountScope, page: BatchPage): Promise<Page<BatchRow>>
  /**
   * No line is begun from here on; what is done stays, and what runs may end. Gives the batch as it is then: one that has ended stays
   * as it was. `not_found`.
   */
  cancel(id: string, scope: AccountScope, now: number): Promise<BatchRow>

  /**
   * Takes a batch that has to be worked on as a whole and that nobody has: to be validated, to be closed since it was cancelled or its time
   * is over, or to be finished. One whose time is over is `finalizing` from here on. The one that waited longest comes first.
   */
  claimJob(owner: string, now: number, leaseMs: number): Promise<BatchJob | undefined>
  /** Keeps a batch on lease until then; until now gives it back. */
  renewJob(id: string, fence: number, until: number): Promise<boolean>
  /** Adds lines to a batch that is `validating`; those that are there stay as they are. */
  addLines(id: string, fence: number, lines: readonly NewLine[]): Promise<boolean>
  /** All lines are there: they may be worked on. Gives the batch back. */
  begin(id: string, fence: number, now: number): Promise<boolean>
  /** The batch failed as a whole, and has no lines. */
  failBatch(id: string, fence: number, problem: BatchProblem, now: number): Promise<boolean>
  /**
   * Lets at most so many of the lines that nobody works on fail. Resolves with how many these were, and how many others are on lease;
   * with undefined where another has taken over.
   */
  closeLines(
    id: string,
    fence: number,
    problem: BatchProblem,
    now: number,
    most: number,
  ): Promise<{ readonly closed: number; readonly running: number } | undefined>
  /** These files are written: they are those of the batch, and need not be written again. `problem` is what went wrong with that. */
  keepFiles(id: string, fence: number, files: BatchFiles, problem?: BatchProblem): Promise<boolean>
  /**
   * Forgets what lines after that one asked and were answered, at most so many of them. Resolves with the last of them, or with that one when
   * there are none; with undefined where another has taken over.
   */
  clearLines(id: string, fence: number, after: number, most: number): Promise<number | undefined>
  /** The batch ends, as what it was heading for. */
  finish(id: string, fence: number, now: number): Promise<boolean>

  /**
   * Takes lines that nobody has: of the account and batch whose turn was longest ago first, and of several in equal parts. Lines of one
   * batch in their order.
   */
  claim(owner: string, now: number, leaseMs: number, limits: ClaimLimits): Promise<readonly ClaimedLine[]>
  /** Keeps lines on lease until then. Resolves with those that still are. */
  renew(claims: readonly LineClaim[], until: number): Promise<readonly LineClaim[]>
  /** Gives a line back, to be taken again from that time on. `tried` counts as one try more. */
  release(claim: LineClaim, from: number, tried: boolean): Promise<boolean>
  /**
   * Writes what came of lines: the line, the counts and sums of its batch, the row of its call, and what that is charged, in one
   * transaction. For each of them true, or false where another has taken over: of that one nothing is written, neither is its row.
   * Given again it changes nothing more, and is true again. A batch whose last line this was is `finalizing`.
   */
  complete(completions: readonly Completion[], now: number): Promise<readonly boolean[]>
  /**
   * Lines after that one in their order; only those of a state where one is named. Of lines with large answers fewer than `most`, but
   * one at least where there is one.
   */
  lines(id: string, after: number, most: number, state?: LineRow['state']): Promise<readonly LineRow[]>
  /** Forgets batches that ended before, with their lines, at most so many of either. Resolves with how many these were. */
  forget(before: number, most: number): Promise<number>
}
