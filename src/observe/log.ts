import type { CallRecord, Recorder } from '../core/contract.ts'
import { loggedWords } from '../error/index.ts'
import type { Logger } from '../provider/contract.ts'

/** Longest text of a client's own that a log line repeats. */
const longest = 256

/**
 * Writes one line for every call that ended: ids, route, outcome, tokens and timings in milliseconds, and never content. The
 * values are JSON strings, so that nothing a client sends can begin a line of its own.
 */
export function callLog(log: Logger): Recorder {
  return {
    began() {},
    settled(record) {
      const fields = lineOf(record)
      if (record.status === 'error' && record.httpStatus >= 500)
        log[record.reason === 'internal' ? 'error' : 'warn'](
          { ...fields, error: loggedWords(record.error) },
          'call failed',
        )
      else log.info(fields, record.status === 'ok' ? 'call' : 'call failed')
    },
  }
}

function lineOf(record: CallRecord): object {
  const { usage, attempts } = record
  return {
    request_id: record.clientRequestId === '' ? record.id : record.clientRequestId,
    ...(record.clientRequestId !== '' && { id: record.id }),
    key: record.keyId,
    ...(record.account !== '' && { account: record.account }),
    dialect: record.dialect,
    operation: record.operation,
    streaming: record.streaming,
    alias: record.alias.slice(0, longest),
    provider: record.provider,
    model: record.model.slice(0, longest),
    status: record.status,
    ...(record.reason !== undefined && { reason: record.reason }),
    http_status: record.httpStatus,
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    ...(usage.cacheReadTokens > 0 && { cache_read_tokens: usage.cacheReadTokens }),
    ...(usage.reasoningTokens > 0 && { reasoning_tokens: usage.reasoningTokens }),
    ...(usage.images > 0 && { images: usage.images }),
    ...(usage.audioSeconds > 0 && { audio_seconds: usage.audioSeconds }),
    ...(usage.videoSeconds > 0 && { video_seconds: usage.videoSeconds }),
    ...(usage.characters > 0 && { characters: usage.characters }),
    ...(usage.estimated && { estimated: true }),
    ...(record.provider !== '' && { cost_nano_usd: record.cost === undefined ? null : Number(record.cost.nanoUsd) }),
    finish: record.finishReasons.join(','),
    attempts: attempts.length,
    ...(attempts.length > 1 && { tries: attempts.map((attempt) => `${attempt.provider}: ${attempt.reason ?? 'ok'}`) }),
    ...(record.timeToFirstEvent !== undefined && { first_event_ms: round(record.timeToFirstEvent) }),
    duration_ms: round(record.duration),
    ...(record.upstreamRequestId !== '' && { upstream_request_id: record.upstreamRequestId.slice(0, longest) }),
  }
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}

/** One recorder that tells several. */
export function tell(recorders: readonly Recorder[]): Recorder {
  return {
    began: (dialect) => {
      for (const recorder of recorders) recorder.began(dialect)
    },
    trying: (provider, model) => {
      for (const recorder of recorders) recorder.trying?.(provider, model)
    },
    tried: (provider, model) => {
      for (const recorder of recorders) recorder.tried?.(provider, model)
    },
    settled: (record) => {
      for (const recorder of recorders) recorder.settled(record)
    },
  }
}
