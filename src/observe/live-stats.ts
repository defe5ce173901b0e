import { create } from '@bufbuild/protobuf'
import { type GetLiveStatsResponse, GetLiveStatsResponseSchema } from '#gen/switchyard/v1/usage_pb.ts'
import type { CallRecord, Recorder } from '../core/contract.ts'
import { Histogram } from '../model/histogram.ts'

const seconds = 60

/** What ended in one second. */
class Second {
  at = -1
  requests = 0
  errors = 0
  durations = new Histogram()
  firstEvents = new Histogram()
}

/** One provider and model: what is open now, and the last minute second by second. */
class Series {
  inFlight = 0
  readonly ring = Array.from({ length: seconds }, () => new Second())

  /** The place of a second, emptied when it last stood for another. */
  second(now: number): Second {
    const index = now % seconds
    const found = this.ring[index]
    if (found?.at === now) return found
    const fresh = new Second()
    fresh.at = now
    this.ring[index] = fresh
    return fresh
  }
}

/**
 * The last minute of this process by provider and model: what is open, rates, percentiles. Models that no registry lists share
 * one name, as in the metrics, so that clients cannot make series.
 */
export class LiveStats implements Recorder {
  readonly #series = new Map<string, { readonly provider: string; readonly model: string; readonly series: Series }>()
  /** Milliseconds since the epoch. */
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  began(): void {}

  trying(provider: string, model: string): void {
    this.#of(provider, model).inFlight++
  }

  tried(provider: string, model: string): void {
    this.#of(provider, model).inFlight--
  }

  settled(record: CallRecord): void {
    if (record.provider === '') return
    const second = this.#of(record.provider, record.modelLabel).second(this.#second())
    second.requests++
    if (record.status === 'error') second.errors++
    second.durations.record(record.duration)
    if (record.timeToFirstEvent !== undefined) second.firstEvents.record(record.timeToFirstEvent)
  }

  /** The last minute as the contract shows it: what had no call in it and has none open is left out. */
  read(): GetLiveStatsResponse {
    const since = this.#second() - seconds
    const stats = [...this.#series.values()].map(({ provider, model, series }) => {
      const within = series.ring.filter(({ at }) => at > since)
      const durations = new Histogram()
      const firstEvents = new Histogram()
      for (const second of within) {
        durations.merge(second.durations)
        firstEvents.merge(second.firstEvents)
      }
      const requests = within.reduce((sum, second) => sum + second.requests, 0)
      const errors = within.reduce((sum, second) => sum + second.errors, 0)
      return {
        provider,
        model,
        inFlight: BigInt(Math.max(0, series.inFlight)),
        requestsPerSecond: requests / seconds,
        errorsPerSecond: errors / seconds,
        duration: durations.percentiles(),
        timeToFirstEvent: firstEvents.percentiles(),
      }
    })
    const busy = stats.filter(({ inFlight, requestsPerSecond }) => inFlight > 0n || requestsPerSecond > 0)
    return create(GetLiveStatsResponseSchema, { stats: busy })
  }

  #of(provider: string, model: string): Series {
    const key = `${provider}\n${model}`
    const known = this.#series.get(key)
    if (known !== undefined) return known.series
    const series = new Series()
    this.#series.set(key, { provider, model, series })
    return series
  }

  #second(): number {
    return Math.floor(this.#now() / 1000)
  }
}
