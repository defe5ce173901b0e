import type { Selectable } from 'kysely'
import { z } from 'zod'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import {
  type BatchProblem,
  type BatchRow,
  batchStatuses,
  type LineRow,
  type NewBatch,
  type UsageSums,
} from '../contract.ts'
import type { NewRow, SkippedRow } from './engine.ts'
import { jsonText, lastTime, nameText, readRow, wholeNumber } from './read.ts'
import type { BatchLineTable, BatchTable } from './tables.ts'
import { amount, isSeconds, readUsageFields, usageFields } from './usage-fields.ts'

const timeOrNothing = wholeNumber.nullable().transform((time) => time ?? undefined)

const batchShape = z.object({
  id: nameText,
  status: z.enum(batchStatuses),
  metadata: jsonText(z.record(z.string(), z.string())),
  total: wholeNumber,
  completed: wholeNumber,
  failed: wholeNumber,
  created: wholeNumber,
  expires: wholeNumber,
  began: timeOrNothing,
  finalizing: timeOrNothing,
  cancelling: timeOrNothing,
  finished: timeOrNothing,
})

/** A batch, or undefined when it cannot be read, which is told to `skipped`. */
export function readBatch(row: Selectable<BatchTable>, skipped: SkippedRow): BatchRow | undefined {
  const read = readRow('batch', row.id, batchShape, row, skipped)
  if (read === undefined) return undefined
  return {
    ...read,
    accountId: row.account_id,
    keyId: row.key_id,
    dialect: row.dialect,
    input: row.input,
    endpoint: row.endpoint,
    completionWindow: row.completion_window,
    outputPrefix: row.output_prefix,
    outputFileId: row.output_file_id,
    errorFileId: row.error_file_id,
    usage: { ...readUsageFields(row), estimatedRequests: Number(row.estimated_requests) },
    problem: problemOf(row),
  }
}

/** A new batch as columns. */
export function writeBatch(batch: NewBatch): NewRow {
  return {
    id: batch.id,
    account_id: batch.accountId,
    key_id: batch.keyId,
    dialect: batch.dialect,
    input: batch.input,
    endpoint: batch.endpoint,
    completion_window: batch.completionWindow,
    metadata: JSON.stringify(batch.metadata),
    output_prefix: batch.outputPrefix,
    status: 'validating',
    created: Math.trunc(batch.created),
    expires: Math.min(Math.trunc(batch.expires), lastTime),
  }
}

const lineShape = z.object({
  line: wholeNumber,
  state: z.enum(['pending', 'running', 'done', 'failed']),
  http_status: timeOrNothing,
  usage: jsonText(z.record(z.string(), z.number())),
  dropped: jsonText(z.array(z.string())),
})

/** What a line is read from. */
export type LineColumns = Pick<
  Selectable<BatchLineTable>,
  | 'batch_id'
  | 'line'
  | 'custom_id'
  | 'state'
  | 'http_status'
  | 'request_id'
  | 'answer'
  | 'dropped'
  | 'problem_code'
  | 'problem_message'
  | 'usage'
>

/** A line. Of one that cannot be read, which is told to `skipped`, it is not known what came: but it is there, and is not left out. */
export function readLine(row: LineColumns, skipped: SkippedRow): LineRow {
  const read = readRow('batch_line', `${row.batch_id} ${row.line}`, lineShape, row, skipped)
  if (read === undefined) {
    const unknown = { answer: undefined, problem: undefined, usage: {} }
    return { line: Number(row.line), customId: row.custom_id, state: 'failed', ...unknown }
  }
  const { line, state, http_status: httpStatus, usage, dropped } = read
  return {
    line,
    state,
    customId: row.custom_id,
    answer:
      httpStatus === undefined ? undefined : { httpStatus, requestId: row.request_id, body: row.answer ?? '', dropped },
    problem: problemOf(row),
    usage,
  }
}

function problemOf({
  problem_code: code,
  problem_message: message,
}: {
  readonly problem_code: string
  readonly problem_message: string
}): BatchProblem | undefined {
  return code === '' ? undefined : { code, message }
}

/** What of the usage of a call is not zero, as sums have it. */
export function addedUsage(usage: Usage | undefined): Readonly<Partial<UsageSums>> {
  if (usage === undefined) return {}
  const counts = usageFields.flatMap(([field, column]) => {
    const count = isSeconds(column) ? amount(usage[field]) : Math.trunc(amount(usage[field]))
    return count === 0 ? [] : [[field, count] as const]
  })
  return { ...Object.fromEntries(counts), ...(usage.estimated && { estimatedRequests: 1 }) }
}
