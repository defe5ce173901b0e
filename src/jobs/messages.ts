import { create } from '@bufbuild/protobuf'
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt'
import { type Batch, BatchSchema, BatchStatus } from '#gen/switchyard/v1/batch_pb.ts'
import { batchStatusOf } from '../dialects/batch-status.ts'
import { usage } from '../model/usage.ts'
import { usageTotals } from '../model/usage-totals.ts'
import type { BatchRow, UsageSums } from '../store/contract.ts'

/** A batch as the contract shows it. */
export function batchMessage(row: BatchRow): Batch {
  return create(BatchSchema, {
    id: row.id,
    status: batchStatusOf(row.status) ?? BatchStatus.UNSPECIFIED,
    input: row.input,
    endpoint: row.endpoint,
    completionWindow: row.completionWindow,
    metadata: { ...row.metadata },
    outputPrefix: row.outputPrefix,
    total: BigInt(row.total),
    completed: BigInt(row.completed),
    failed: BigInt(row.failed),
    outputFileId: row.outputFileId,
    errorFileId: row.errorFileId,
    usage: usageMessage(row.usage),
    usageTotals: usageTotals(row.usage),
    created: timestampFromMs(row.created),
    expires: timestampFromMs(row.expires),
    ...time('began', row.began),
    ...time('finalizing', row.finalizing),
    ...time('cancelling', row.cancelling),
    ...time('finished', row.finished),
    errorReason: row.problem?.code ?? '',
    errorMessage: row.problem?.message ?? '',
  })
}

function time<Name extends string>(name: Name, at: number | undefined): Partial<Record<Name, Timestamp>> {
  return at === undefined ? {} : ({ [name]: timestampFromMs(at) } as Record<Name, Timestamp>)
}

/** The most that a count of the message can say. */
const mostCounted = 0xffff_ffff

function usageMessage({ estimatedRequests, ...sums }: UsageSums) {
  const counts = Object.entries(sums).map(([field, count]) => [field, Math.min(count, mostCounted)])
  return usage({ ...Object.fromEntries(counts), estimated: estimatedRequests > 0 })
}
