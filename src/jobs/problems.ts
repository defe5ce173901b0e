import type { GatewayError } from '../error/index.ts'
import type { BatchProblem } from '../store/contract.ts'

/** Why a line has no answer: its batch was cancelled before. */
export const cancelled: BatchProblem = {
  code: 'batch_cancelled',
  message: 'the batch was cancelled before this line was answered',
}

/** Why a line has no answer: the time of its batch was over before. */
export const expired: BatchProblem = {
  code: 'batch_expired',
  message: 'the time of the batch was over before this line was answered',
}

/** Why a line is given up: time and again nobody came back who had asked it. */
export const abandoned: BatchProblem = {
  code: 'line_abandoned',
  message: 'whoever asked this line was gone before it was answered, time and again',
}

/** Why a line has no answer: it had one that no store can hold. */
export const unwritable: BatchProblem = {
  code: 'internal',
  message: 'the line was answered, but its answer cannot be kept',
}

/** An error as whoever asked for the batch may see it. */
export function problemOf(error: GatewayError): BatchProblem {
  return { code: error.reason, message: error.message }
}
