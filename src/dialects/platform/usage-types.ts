import { z } from 'zod'
import { limitType } from '../page-limit.ts'
import { envelope } from './types.ts'

/** How many rows of the request log a page has. */
export const listed = { usual: 50, most: 1000 }

/** The filters of `GET /api/v1/inference/usage`, which hold for the sums and for the rows, and the page of the rows. */
export const usageQuery = {
  provider: z.string().describe('name of a provider'),
  model: z.string(),
  key: z.string().describe('id of a key'),
  since: z.string().describe('a date, which is midnight UTC, or an RFC 3339 time'),
  until: z.string().describe('as since; exclusive'),
  limit: limitType(listed),
  cursor: z.string().describe('nextCursor of the page before'),
}

const attempt = z.object({
  provider: z.string(),
  model: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  beganMs: z.number(),
  durationMs: z.number(),
})

const request = z.object({
  id: z.string(),
  clientRequestId: z.string().optional(),
  upstreamRequestId: z.string().optional(),
  account: z.string(),
  key: z.string(),
  dialect: z.string(),
  operation: z.string(),
  streaming: z.boolean(),
  requestedModel: z.string(),
  provider: z.string(),
  model: z.string(),
  status: z.enum(['ok', 'error', 'cancelled']),
  reason: z.string().optional(),
  httpStatus: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWriteTokens: z.number(),
  reasoningTokens: z.number(),
  estimated: z.boolean(),
  costUsd: z.number().nullable().describe('null where the price is not known'),
  durationMs: z.number(),
  timeToFirstEventMs: z.number().optional(),
  attempts: z.array(attempt),
  created: z.iso.datetime(),
  request: z.string().optional().describe('JSON, where the account lets content be kept'),
  response: z.string().optional().describe('JSON, where the account lets content be kept'),
})

/** Body of `GET /api/v1/inference/usage`. */
export const usagePage = envelope(
  z.object({
    summary: z.object({
      totalRequests: z.number(),
      totalErrors: z.number(),
      totalInputTokens: z.number(),
      totalOutputTokens: z.number(),
      totalTokens: z.number(),
      avgDurationMs: z.number(),
      totalCostUsd: z.number().nullable().describe('null where no price is known'),
    }),
    requests: z.array(request),
    nextCursor: z.string().optional(),
  }),
)

/** Body of `GET /api/v1/inference/requests/:id`. */
export const oneRequest = envelope(request)
