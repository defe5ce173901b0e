import type { CallContent, CallIntent, CallRecord, Ledger } from '../core/contract.ts'
import { notVouchedFor } from '../core/outcome.ts'
import type { ContentRow, RequestRow } from '../store/contract.ts'
import { decodeContent, decodeRow, encodeContent, encodeIntent, encodeRow } from './row.ts'
import type { Spool } from './spool.ts'

/**
 * The ledger of one call whose row is to be written together with something else. Its intent is durable before a provider is asked, as
 * that of every call: a process that ends leaves a call that is settled as lost. Its settlement is held back, until somebody says
 * that the store has it, or that it shall go the usual way.
 */
export class HeldCall implements Ledger {
  readonly #spool: Pick<Spool, 'begin' | 'settle' | 'note' | 'forget'>
  readonly #contentMs: number
  #intent: number | undefined
  #record: CallRecord | undefined
  #content = ''

  /** `contentMs` is how long prompts and answers are kept, in milliseconds. */
  constructor(spool: Pick<Spool, 'begin' | 'settle' | 'note' | 'forget'>, contentMs: number) {
    this.#spool = spool
    this.#contentMs = contentMs
  }

  async begin(intent: CallIntent): Promise<number> {
    this.#intent = await this.#spool.begin(encodeIntent(intent))
    return this.#intent
  }

  async settle(record: CallRecord, _intent: number, content?: CallContent): Promise<void> {
    this.#record = record
    if (content !== undefined) this.#content = encodeContent(record, content, Date.now() + this.#contentMs)
  }

  note(record: CallRecord): void {
    this.#record = record
  }

  /** The row of the call; undefined until it is settled. */
  get row(): RequestRow | undefined {
    return this.#record && decodeRow(encodeRow(this.#record))
  }

  /** What the call said and heard, where that is kept. */
  get content(): ContentRow | undefined {
    return this.#content === '' ? undefined : decodeContent(this.#content)
  }

  /** The store has the row. */
  taken(): void {
    if (this.#intent !== undefined) this.#spool.forget(this.#intent)
  }

  /** The row goes the usual way. Resolves when it is durable, or will be tried until it is. */
  async passOn(): Promise<void> {
    const record = this.#record
    if (record === undefined) return
    if (this.#intent === undefined) {
      this.#spool.note(encodeRow(record))
      return
    }
    try {
      await this.#spool.settle(this.#intent, encodeRow(record), this.#content, () => encodeRow(notVouchedFor(record)))
    } catch {
      // The spool told the operator, and goes on trying.
    }
  }
}
