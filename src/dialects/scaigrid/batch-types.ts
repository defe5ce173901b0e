import { z } from 'zod'
import { batchStatusWords } from '../batch-status.ts'
import { enveloped } from './envelope.ts'

const metadata = z.record(z.string(), z.string())

/** Body of `POST /v1/inference/batch`. `endpoint_completion_window` is another name of `completion_window`. */
export const createBatchRequest = z.looseObject({
  input_file_url: z.string().min(1).max(2048).describe('file:ID of an uploaded file, https:// or s3://'),
  endpoint: z.string().max(2048).nullish().describe('the path that every line has to ask for; any without'),
  completion_window: z.string().nullish().describe('such as 24h'),
  endpoint_completion_window: z.string().nullish(),
  output_prefix: z.string().max(2048).nullish().describe('s3:// place where results are written as well'),
  metadata: metadata.nullish(),
})

/** A batch. Times are RFC 3339; those that have not come are null. */
export const batchData = z.object({
  id: z.string(),
  status: z.enum(batchStatusWords),
  endpoint: z.string().nullable(),
  input_file_url: z.string(),
  completion_window: z.string(),
  metadata,
  request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
  output_file_id: z.string().nullable(),
  output_file_url: z.string().nullable(),
  error_file_id: z.string().nullable(),
  error_file_url: z.string().nullable(),
  output_prefix: z.string().nullable(),
  usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() }),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  created_at: z.string(),
  expires_at: z.string(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
})

/** Answer with one batch. */
export const batchAnswer = enveloped(batchData)

/** Answer with a page of batches. */
export const batchListAnswer = enveloped(z.object({ batches: z.array(batchData), next_cursor: z.string().nullable() }))
