/*
 * What the two sides of a spool say to each other: the thread that serves calls, and the one that writes the file. Lists are kept
 * beside each other instead of objects in a list, which takes a third of the time to send.
 */

/** What may leave the file. It takes no room, and nobody waits for it: what could not be written is handed over again. */
export interface Releases {
  /** Intents whose calls were refused after all. */
  readonly forgotten: number[]
  /** Settlements that could not be moved and must not hold up the others. */
  readonly aside: number[]
  /** Settlements up to this one have been moved; 0 for none. */
  moved: number
}

/** What is to be written, in the order it came. Everything of one message is written in one transaction, or what it releases alone. */
export interface Changes extends Releases {
  readonly kind: 'changes'
  /** Intents: a number for each, and its text. */
  readonly begun: { readonly numbers: number[]; readonly texts: string[] }
  /**
   * Settlements: the number of the intent (0 when there was none, less than 0 for the key of one that an earlier process left behind),
   * the text, and the content to be kept (empty for none).
   */
  readonly settled: { readonly numbers: number[]; readonly texts: string[]; readonly contents: string[] }
}

/** Asks for the oldest settlements after a place. */
export interface Take {
  readonly kind: 'take'
  readonly after: number
  readonly limit: number
}

/** Asks for intents that an earlier process left behind. */
export interface TakeLost {
  readonly kind: 'lost'
  readonly limit: number
}

/** Asks to write what is there, and to let go of the file. */
export interface Close {
  readonly kind: 'close'
}

/** What the writing thread is sent. */
export type ToWriter = Changes | Take | TakeLost | Close

/** What lies in the spool. */
export interface SpoolState {
  /** Bytes of the file that are in use. */
  readonly bytes: number
  /** Intents without a settlement. */
  readonly open: number
  /** Settlements that wait to be moved. */
  readonly waiting: number
  /** Intents of earlier processes, which nobody will settle but whoever starts. */
  readonly lost: number
  /** Settlements that could not be moved. */
  readonly aside: number
  /** Place of the newest settlement. */
  readonly last: number
}

/** The file is open. */
export interface Opened {
  readonly kind: 'opened'
  readonly path: string
  /** Where a file that could not be read was put; empty when there was none. */
  readonly damaged: string
  /** Intents are numbered from the one after this. */
  readonly lastNumber: number
  readonly state: SpoolState
}

/** The file cannot be opened. */
export interface NotOpened {
  readonly kind: 'not-opened'
  readonly problem: string
}

/** What became of the oldest messages that were not answered yet. */
export interface Done {
  readonly kind: 'done'
  /** How many messages this answers. */
  readonly messages: number
  readonly begun: 'durable' | 'full' | 'failed'
  readonly settled: 'durable' | 'failed'
  /** False: what was to be released is still there. */
  readonly released: boolean
  /** What went wrong, for the operator; empty when nothing did. */
  readonly problem: string
  readonly state: SpoolState
}

/** A settlement as it lies in the spool. */
export interface SettledText {
  readonly place: number
  readonly text: string
  /** Empty when no content is kept. */
  readonly content: string
}

/** The answer to {@link Take}. */
export interface Taken {
  readonly kind: 'taken'
  readonly rows: readonly SettledText[]
}

/** An intent that an earlier process left behind. */
export interface LostText {
  readonly key: number
  readonly text: string
}

/** The answer to {@link TakeLost}. */
export interface TakenLost {
  readonly kind: 'taken-lost'
  readonly rows: readonly LostText[]
}

/** More has come in from the file of a process that is no more, or could not; the problem is empty when it did. */
export interface Adopted {
  readonly kind: 'adopted'
  readonly path: string
  readonly rows: number
  readonly problem: string
  readonly state: SpoolState
}

/** What the writing thread sends. */
export type FromWriter = Opened | NotOpened | Done | Taken | TakenLost | Adopted

/** What the writing thread is started with. */
export interface WriterOptions {
  readonly folder: string
  readonly maxBytes: number
  /**
   * Place of the newest settlement when the thread before this one ended, in the same process: its open intents are still those of
   * calls. Absent for the first thread.
   */
  readonly resumedAfter?: number
}

/** A message without a change in it. */
export function noChanges(): Changes {
  return {
    kind: 'changes',
    begun: { numbers: [], texts: [] },
    settled: { numbers: [], texts: [], contents: [] },
    forgotten: [],
    aside: [],
    moved: 0,
  }
}
