import { BatchStatus } from '#gen/switchyard/v1/batch_pb.ts'

/** Where a batch may stand, in the words that all APIs have for it. */
export const batchStatusWords = [
  'validating',
  'in_progress',
  'finalizing',
  'completed',
  'failed',
  'cancelling',
  'cancelled',
  'expired',
] as const

/** One of {@link batchStatusWords}. */
export type BatchStatusWord = (typeof batchStatusWords)[number]

const statuses = {
  validating: BatchStatus.VALIDATING,
  in_progress: BatchStatus.IN_PROGRESS,
  finalizing: BatchStatus.FINALIZING,
  completed: BatchStatus.COMPLETED,
  failed: BatchStatus.FAILED,
  cancelling: BatchStatus.CANCELLING,
  cancelled: BatchStatus.CANCELLED,
  expired: BatchStatus.EXPIRED,
} as const satisfies Record<BatchStatusWord, BatchStatus>

/** The word for a status; undefined where there is none. */
export function batchStatusWord(status: BatchStatus): BatchStatusWord | undefined {
  return batchStatusWords.find((word) => statuses[word] === status)
}

/** The status of a word; undefined where there is none. */
export function batchStatusOf(word: string): BatchStatus | undefined {
  return Object.hasOwn(statuses, word) ? statuses[word as BatchStatusWord] : undefined
}
