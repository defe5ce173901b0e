/** Bounds of the buckets grow by this factor, so that a percentile is within five per cent of the true value. */
const growth = 1.1

/** Counts of durations in buckets that grow with them: small, and exact enough for percentiles. */
export class Durations {
  readonly #counts = new Map<number, number>()
  #count = 0
  #sum = 0

  /** Takes in one duration in milliseconds. */
  add(milliseconds: number): void {
    const bucket = bucketOf(milliseconds)
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1)
    this.#count++
    this.#sum += milliseconds
  }

  /** Takes in all durations of another. */
  merge(other: Durations): void {
    for (const [bucket, count] of other.#counts) this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count)
    this.#count += other.#count
    this.#sum += other.#sum
  }

  /** The mean and the 50th, 95th and 99th percentile in milliseconds; zeros when there is none. */
  percentiles(): { readonly p50: number; readonly p95: number; readonly p99: number; readonly mean: number } {
    const buckets = [...this.#counts].toSorted(([one], [other]) => one - other)
    const at = (share: number): number => {
      let left = Math.ceil(this.#count * share)
      for (const [bucket, count] of buckets) {
        left -= count
        if (left <= 0) return valueOf(bucket)
      }
      return 0
    }
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99), mean: this.#count === 0 ? 0 : this.#sum / this.#count }
  }
}

/** The number of the bucket: bounds are powers of {@link growth} milliseconds, down to a microsecond. */
function bucketOf(milliseconds: number): number {
  return Math.floor(Math.log(Math.max(milliseconds, 0.001)) / Math.log(growth))
}

/** The middle of a bucket, as ratios go. */
function valueOf(bucket: number): number {
  return growth ** (bucket + 0.5)
}
