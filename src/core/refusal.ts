import { usage } from '../model/usage.ts'
import type { CallRecord, Refusal } from './contract.ts'
import { accountOf, type Metering, nothing } from './meter.ts'
import { outcomeOf } from './outcome.ts'

/** Records a call that never became one: no target, no tokens. It is kept where the caller is known. */
export function recordRefusal({ recorder, ledger }: Metering, refusal: Refusal): void {
  const { id, clientRequestId, dialect, operation, principal, arrivedAt, error } = refusal
  const duration = performance.now() - arrivedAt
  const record: CallRecord = {
    id,
    clientRequestId,
    keyId: principal?.keyId ?? '',
    account: principal === undefined ? '' : accountOf(principal),
    dialect,
    operation,
    streaming: false,
    alias: '',
    provider: '',
    model: '',
    modelLabel: 'other',
    vendor: '',
    attempts: [],
    ...outcomeOf(error),
    error,
    httpStatus: error.status,
    usage: usage({}),
    cost: nothing,
    finishReasons: [],
    startedAt: Date.now() - duration,
    duration,
    upstreamRequestId: '',
    requestBytes: 0,
    responseBytes: 0,
  }
  recorder.began(dialect)
  if (principal !== undefined) ledger?.note(record)
  recorder.settled(record)
}
