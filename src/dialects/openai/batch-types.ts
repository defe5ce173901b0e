import { z } from 'zod'
import { batchStatusWords } from '../batch-status.ts'

/* Batches as OpenAI's API has them: https://platform.openai.com/docs/api-reference/batch */

const metadata = z.record(z.string(), z.string())
const seconds = z.int().describe('seconds since the epoch')

/** Body of `POST /v1/batches`. */
export const createBatchRequest = z.looseObject({
  input_file_id: z.string().min(1).max(2048).describe('a file of this gateway, or an https:// or s3:// URL'),
  endpoint: z.string().min(1).max(2048).describe('the path that every line asks for'),
  completion_window: z.string().describe('such as 24h'),
  metadata: metadata.nullish(),
})

/** A batch. Times that have not come are absent. */
export const batchObject = z.object({
  id: z.string(),
  object: z.literal('batch'),
  endpoint: z.string(),
  errors: z
    .object({
      object: z.literal('list'),
      data: z.array(z.object({ code: z.string(), message: z.string(), param: z.null(), line: z.null() })),
    })
    .optional(),
  input_file_id: z.string(),
  completion_window: z.string(),
  status: z.enum(batchStatusWords),
  output_file_id: z.string().optional(),
  error_file_id: z.string().optional(),
  created_at: seconds,
  in_progress_at: seconds.optional(),
  expires_at: seconds.optional(),
  finalizing_at: seconds.optional(),
  completed_at: seconds.optional(),
  failed_at: seconds.optional(),
  expired_at: seconds.optional(),
  cancelling_at: seconds.optional(),
  cancelled_at: seconds.optional(),
  request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
  usage: z.object({
    input_tokens: z.int(),
    input_tokens_details: z.object({ cached_tokens: z.int() }),
    output_tokens: z.int(),
    output_tokens_details: z.object({ reasoning_tokens: z.int() }),
    total_tokens: z.int(),
  }),
  metadata: metadata.optional(),
})

/** A batch, as its type. */
export type BatchObject = z.infer<typeof batchObject>

/** Answer of `GET /v1/batches`. */
export const batchList = z.object({
  object: z.literal('list'),
  data: z.array(batchObject),
  first_id: z.string().optional(),
  last_id: z.string().optional(),
  has_more: z.boolean(),
})
