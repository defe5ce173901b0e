import { fail, type GatewayError } from '../error/index.ts'
import type { CallRecord, Outcome } from './contract.ts'

/** How it ended, by what was thrown: a client that leaves cancels, and nobody is at fault. */
export function outcomeOf(error: Pick<GatewayError, 'reason'> | undefined): Outcome {
  if (error === undefined) return { status: 'ok' }
  const { reason } = error
  return { status: reason === 'client_closed' ? 'cancelled' : 'error', reason }
}

/**
 * A call that could not be written down, as its client saw it: an answer that was complete was not vouched for. `error` is why, for the
 * operator.
 */
export function notVouchedFor(record: CallRecord, error?: unknown): CallRecord {
  if (record.status !== 'ok') return record
  const { reason, status } = fail('store_unavailable', '')
  return { ...record, ...outcomeOf({ reason }), httpStatus: status, error }
}
