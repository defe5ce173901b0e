import { gunzipSync } from 'node:zlib'
import type { Canary } from './canary.ts'
import { type Hit, Searcher } from './search.ts'

/** A canary where it does not belong. */
export interface Leak extends Hit {
  /** What it was found in. */
  readonly what: string
}

/** Takes in everything that leaves a gateway, looks for canaries in it, and keeps only what it found. */
export class Evidence {
  readonly #searcher: Searcher
  readonly #leaks: Leak[] = []
  readonly #shown = new Map<string, number>()
  /** Things that were searched, by what they are. */
  readonly counts = new Map<string, number>()
  bytes = 0

  constructor(canaries: readonly Canary[] = []) {
    this.#searcher = new Searcher(canaries)
  }

  /** One more to look for, in what is taken from now on. */
  plant(canary: Canary): void {
    this.#searcher.add(canary)
  }

  /** Searches something. `what` begins with a word for its kind; canaries that it is there to show are named. */
  take(what: string, content: string | Uint8Array, shows: readonly string[] = []): void {
    const bytes = plain(Buffer.from(content))
    const [kind = ''] = what.split(':', 1)
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    this.bytes += bytes.length
    const told = new Set<string>()
    for (const hit of this.#searcher.find(bytes)) {
      if (shows.includes(hit.canary)) this.#shown.set(hit.canary, (this.#shown.get(hit.canary) ?? 0) + 1)
      else if (!told.has(hit.canary + hit.form)) this.#leaks.push({ what, ...hit })
      told.add(hit.canary + hit.form)
    }
  }

  /** Every leak so far. */
  get leaks(): readonly Leak[] {
    return this.#leaks
  }

  /** How often a canary was seen where it belongs. */
  shown(canary: string): number {
    return this.#shown.get(canary) ?? 0
  }
}

/** What is packed, unpacked. */
function plain(bytes: Buffer): Buffer {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    return gunzipSync(bytes)
  } catch {
    return bytes
  }
}
