import type { GatewayError } from '../error/index.ts'
import type { BatchProblem } from '../store/contract.ts'

/** Why a line was not asked: its batch was cancelled before. */
export const cancelled: BatchProblem = {
  code: 'batch_cancelled',
  message: 'the batch was cancelled before this line was asked',
}

/** Why a line was not asked: the time of its batch was over before. */
export const expired: BatchProblem = {
  code: 'batch_expired',
  message: 'the time of the batch was over before this line was asked',
}

/** An error as whoever asked for the batch may see it. */
export function problemOf(error: GatewayError): BatchProblem {
  return { code: error.reason, message: error.message }
}
