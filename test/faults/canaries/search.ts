import type { Canary } from './canary.ts'
import { formsOf } from './forms.ts'

/** A canary that was found. */
export interface Hit {
  readonly canary: string
  /** How it was written: see {@link formsOf}. */
  readonly form: string
  readonly at: number
  /** What stands around it, for whoever looks for the leak. */
  readonly around: string
}

interface Pattern {
  readonly canary: string
  readonly form: string
  readonly bytes: Buffer
}

const tableBits = 18

/** Where the first four bytes of a pattern have their place in the table. */
function slotOf(head: number): number {
  return Math.imul(head, 0x9e3779b1) >>> (32 - tableBits)
}

/** Looks for all pieces of all canaries in all their forms, in one pass over the bytes. */
export class Searcher {
  readonly #table = new Uint8Array(1 << tableBits)
  readonly #patterns = new Map<number, Pattern[]>()

  constructor(canaries: readonly Canary[] = []) {
    for (const canary of canaries) this.add(canary)
  }

  /** One more to look for, from now on. */
  add({ name, pieces }: Canary): void {
    for (const piece of pieces) for (const [form, bytes] of formsOf(piece)) this.#put({ canary: name, form, bytes })
  }

  #put(pattern: Pattern): void {
    const head = pattern.bytes.readUInt32BE(0)
    this.#table[slotOf(head)] = 1
    const alike = this.#patterns.get(head)
    if (alike === undefined) this.#patterns.set(head, [pattern])
    else alike.push(pattern)
  }

  /** Everything that is found, in the order of the bytes. */
  find(bytes: Buffer): Hit[] {
    const hits: Hit[] = []
    let head = 0
    for (let at = 0; at < bytes.length; at++) {
      head = (head << 8) | (bytes[at] as number)
      if (at < 3 || this.#table[slotOf(head)] === 0) continue
      for (const pattern of this.#patterns.get(head >>> 0) ?? []) {
        const from = at - 3
        const { canary, form, bytes: wanted } = pattern
        if (bytes.compare(wanted, 0, wanted.length, from, Math.min(bytes.length, from + wanted.length)) === 0)
          hits.push({ canary, form, at: from, around: around(bytes, from) })
      }
    }
    return hits
  }
}

function around(bytes: Buffer, at: number): string {
  const text = bytes.subarray(Math.max(0, at - 120), at + 80).toString('latin1')
  return text.replaceAll(/[^\u0020-\u007E]+/g, '·')
}
