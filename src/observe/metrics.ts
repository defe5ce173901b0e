import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from '@prometheus-io/client'
import type { Recorder } from '../core/contract.ts'
import { type BatchMetrics, batchMetrics } from './batch-metrics.ts'
import { type LedgerMetrics, ledgerMetrics } from './ledger-metrics.ts'
import { type StoreMetrics, storeMetrics } from './store-metrics.ts'

/** The gateway's metrics, and what a scraper gets. */
export interface Metrics extends Recorder {
  /** Text in the Prometheus exposition format, and its content type. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>
  readonly batches: BatchMetrics
  readonly ledger: LedgerMetrics
  readonly store: StoreMetrics
}

const durationBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
/** Billionths of a US dollar. */
const nanoUsd = 1e9
const firstEventBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** The series of one provider and model, bound once: finding them by label values on every call would cost more than counting. */
interface Bound {
  readonly duration: Histogram.Internal<'provider' | 'model'>
  readonly firstEvent: Histogram.Internal<'provider' | 'model'>
  readonly input: Counter.Internal
  readonly output: Counter.Internal
  readonly cacheRead: Counter.Internal
  readonly reasoning: Counter.Internal
  readonly cost: Counter.Internal
  readonly unpriced: Counter.Internal
}

/**
 * Prometheus metrics of a gateway. A model is a label only when the registry knows it; every other one counts as `other`, so
 * that clients cannot make series.
 */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const requests = new Counter({
    name: 'switchyard_requests_total',
    help: 'Calls that ended, by outcome.',
    labelNames: ['dialect', 'operation', 'provider', 'model', 'status'],
    registers,
  })
  const errors = new Counter({
    name: 'switchyard_errors_total',
    help: 'Calls that failed, by reason.',
    labelNames: ['dialect', 'operation', 'provider', 'model', 'reason'],
    registers,
  })
  const attempts = new Counter({
    name: 'switchyard_attempts_total',
    help: 'Tries at a target, retries and fallbacks included.',
    labelNames: ['provider', 'status'],
    registers,
  })
  const labels = ['provider', 'model'] as const
  const duration = new Histogram({
    name: 'switchyard_request_duration_seconds',
    help: 'Whole calls that reached a provider.',
    labelNames: labels,
    buckets: durationBuckets,
    registers,
  })
  const firstEvent = new Histogram({
    name: 'switchyard_time_to_first_event_seconds',
    help: 'From the arrival of a request to the first event of its answer.',
    labelNames: labels,
    buckets: firstEventBuckets,
    registers,
  })
  const tokens = new Counter({
    name: 'switchyard_tokens_total',
    help: 'Tokens consumed. cache_read is a part of input, reasoning a part of output.',
    labelNames: ['provider', 'model', 'class'],
    registers,
  })
  const cost = new Counter({
    name: 'switchyard_cost_usd_total',
    help: 'What calls cost, in US dollars, as far as their prices are known.',
    labelNames: labels,
    registers,
  })
  const unpriced = new Counter({
    name: 'switchyard_unpriced_requests_total',
    help: 'Calls whose price is not known.',
    labelNames: labels,
    registers,
  })
  const inFlight = new Gauge({
    name: 'switchyard_requests_in_flight',
    help: 'Calls that are open.',
    labelNames: ['dialect'],
    registers,
  })

  const bound = new Map<string, Bound>()
  const bind = (provider: string, model: string): Bound => {
    const key = `${provider}\n${model}`
    const known = bound.get(key)
    if (known !== undefined) return known
    const made: Bound = {
      duration: duration.labels(provider, model),
      firstEvent: firstEvent.labels(provider, model),
      input: tokens.labels(provider, model, 'input'),
      output: tokens.labels(provider, model, 'output'),
      cacheRead: tokens.labels(provider, model, 'cache_read'),
      reasoning: tokens.labels(provider, model, 'reasoning'),
      cost: cost.labels(provider, model),
      unpriced: unpriced.labels(provider, model),
    }
    bound.set(key, made)
    return made
  }
  const requestCounters = new Map<string, Counter.Internal>()
  const requestCounter = (...values: [string, string, string, string, string]): Counter.Internal => {
    const key = values.join('\n')
    const known = requestCounters.get(key) ?? requests.labels(...values)
    requestCounters.set(key, known)
    return known
  }
  const attemptCounters = new Map<string, Counter.Internal>()
  const attemptCounter = (provider: string, status: string): Counter.Internal => {
    const key = `${provider}\n${status}`
    const known = attemptCounters.get(key) ?? attempts.labels(provider, status)
    attemptCounters.set(key, known)
    return known
  }
  const gauges = new Map<string, Gauge.Internal<'dialect'>>()
  const gauge = (dialect: string): Gauge.Internal<'dialect'> => {
    const known = gauges.get(dialect) ?? inFlight.labels(dialect)
    gauges.set(dialect, known)
    return known
  }

  return {
    began: (dialect) => gauge(dialect).inc(),
    settled(record) {
      gauge(record.dialect).dec()
      const { dialect, operation, provider, modelLabel: model, status, reason, usage } = record
      requestCounter(dialect, operation, provider, model, status).inc()
      if (reason !== undefined) errors.labels(dialect, operation, provider, model, reason).inc()
      for (const attempt of record.attempts) attemptCounter(attempt.provider, attempt.status).inc()
      if (provider === '') return
      const series = bind(provider, model)
      series.duration.observe(record.duration / 1000)
      if (record.timeToFirstEvent !== undefined) series.firstEvent.observe(record.timeToFirstEvent / 1000)
      series.input.inc(usage.inputTokens)
      series.output.inc(usage.outputTokens)
      if (usage.cacheReadTokens > 0) series.cacheRead.inc(usage.cacheReadTokens)
      if (usage.reasoningTokens > 0) series.reasoning.inc(usage.reasoningTokens)
      if (record.cost === undefined) series.unpriced.inc()
      else if (record.cost.nanoUsd > 0n) series.cost.inc(Number(record.cost.nanoUsd) / nanoUsd)
    },
    batches: batchMetrics(registry),
    ledger: ledgerMetrics(registry),
    store: storeMetrics(registry),
    expose: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  }
}
