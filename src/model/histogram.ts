/*
 * Durations are counted in buckets that grow by eight per cent each, so that a percentile is told within four per cent of the value it
 * stands for. Counts are kept in the store by the number of their bucket: what a number stands for never changes.
 */

/** The mean and percentiles of durations, in milliseconds. */
export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly mean: number
}

const growth = Math.log(1.08)
/** Up to here all is bucket 0, in milliseconds. */
const least = 0.01
/** The last bucket holds what took some three days and more. */
const lastBucket = 319

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
  #microseconds = 0
  #calls = 0

  /** Takes in one call, by its milliseconds. */
  record(milliseconds: number): void {
    this.count(bucketOf(milliseconds), 1)
    this.add(milliseconds * 1000, 1)
  }

  /** Adds the calls of one bucket. */
  count(bucket: number, calls: number): void {
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + calls)
  }

  /** Adds what calls took together, for the mean. */
  add(microseconds: number, calls: number): void {
    this.#microseconds += microseconds
    this.#calls += calls
  }

  /** Takes in all of another one. */
  merge(other: Histogram): void {
    for (const [bucket, calls] of other.#counts) this.count(bucket, calls)
    this.add(other.#microseconds, other.#calls)
  }

  /** What to say of them; zeros when there was no call. */
  percentiles(): Percentiles {
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
    const mean = this.#calls === 0 ? 0 : this.#microseconds / 1000 / this.#calls
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99), mean }
  }
}
