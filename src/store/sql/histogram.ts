import type { PercentilesRow } from '../contract.ts'

/*
 * Durations are counted in buckets that grow by eight per cent each, so that a percentile is told within four per cent of the value it
 * stands for. Thirty-two neighbours lie in one row of a table, a block: calls of one kind are mostly within two or three.
 */

const growth = Math.log(1.08)
/** Up to here all is bucket 0, in milliseconds. */
const least = 0.01
/** The last bucket holds what took some three days and more. */
const lastBucket = 319

/** Buckets in a block. */
export const blockSize = 32

/** Names of the columns of a block. */
export const blockColumns = Array.from({ length: blockSize }, (_, index) => `c${index}`)

/** The bucket of a duration in milliseconds. */
export function bucketOf(milliseconds: number): number {
  if (!(milliseconds > least)) return 0
  return Math.min(Math.ceil(Math.log(milliseconds / least) / growth), lastBucket)
}

/** The duration that a bucket stands for: as far from its lower end as from its upper one, in proportion. */
function durationOf(bucket: number): number {
  return bucket === 0 ? 0 : least * Math.exp(growth * (bucket - 0.5))
}

/** How many calls fell into which bucket, and what they took together. */
export class Histogram {
  readonly #counts = new Map<number, number>()
  #microseconds = 0n
  #calls = 0n

  /** Adds the calls of one bucket. */
  count(bucket: number, calls: number): void {
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + calls)
  }

  /** Adds what calls took together, for the mean. */
  add(microseconds: bigint, calls: bigint): void {
    this.#microseconds += microseconds
    this.#calls += calls
  }

  /** Takes in all of another one. */
  merge(other: Histogram): void {
    for (const [bucket, calls] of other.#counts) this.count(bucket, calls)
    this.add(other.#microseconds, other.#calls)
  }

  /** What to say of them; zeros when there was no call. */
  percentiles(): PercentilesRow {
    const buckets = [...this.#counts].toSorted(([a], [b]) => a - b)
    const all = buckets.reduce((sum, [, calls]) => sum + calls, 0)
    const at = (share: number): number => {
      let left = Math.ceil(all * share)
      for (const [bucket, calls] of buckets) {
        left -= calls
        if (left <= 0) return durationOf(bucket)
      }
      return 0
    }
    const mean = this.#calls === 0n ? 0 : Number(this.#microseconds) / 1000 / Number(this.#calls)
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99), mean }
  }
}
