import { create } from '@bufbuild/protobuf'
import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt'
import type { z } from 'zod'
import {
  type Batch,
  BatchStatus,
  CreateBatchRequestSchema,
  ListBatchesRequestSchema,
} from '#gen/switchyard/v1/batch_pb.ts'
import { fail } from '../../error/index.ts'
import { batchStatusOf, batchStatusWord, batchStatusWords } from '../batch-status.ts'
import type { JsonBody, RequestFacts, Route } from '../contract.ts'
import { check } from '../validate.ts'
import { batchAnswer, type batchData, batchListAnswer, createBatchRequest } from './batch-types.ts'

const defaultLimit = 50
const mostListed = 1000

/** `/v1/inference/batch`. */
export const batchRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/inference/batch',
    summary: 'Takes in many requests as one durable job',
    permission: 'batches:write',
    request: createBatchRequest,
    response: batchAnswer,
    async answer(facts, { batches }, body) {
      const asked = check(createBatchRequest, (body as JsonBody).value)
      const batch = await batches.create(
        create(CreateBatchRequestSchema, {
          input: inputOf(asked.input_file_url),
          endpoint: asked.endpoint ?? '',
          completionWindow: asked.completion_window ?? asked.endpoint_completion_window ?? '',
          outputPrefix: asked.output_prefix ?? '',
          metadata: asked.metadata ?? {},
        }),
        'scaigrid',
      )
      return envelope(facts, encodeBatch(batch))
    },
  },
  {
    method: 'GET',
    path: '/v1/inference/batch',
    summary: 'Batches, newest first: ?status=, ?limit=, ?cursor=',
    permission: 'batches:write',
    response: batchListAnswer,
    async answer(facts, { batches }) {
      const { query } = facts
      const asked = { status: statusOf(query), limit: limitOf(query), cursor: query.get('cursor') ?? '' }
      const page = await batches.list(create(ListBatchesRequestSchema, asked))
      return envelope(facts, { batches: page.batches.map(encodeBatch), next_cursor: textOrNull(page.nextCursor) })
    },
  },
  {
    method: 'GET',
    path: '/v1/inference/batch/:id',
    summary: 'One batch, with its results when it has ended',
    permission: 'batches:write',
    response: batchAnswer,
    answer: async (facts, { batches }) => envelope(facts, encodeBatch(await batches.get(facts.params['id'] ?? ''))),
  },
  {
    method: 'POST',
    path: '/v1/inference/batch/:id/cancel',
    summary: 'Cancels a batch; what is done is kept',
    permission: 'batches:write',
    response: batchAnswer,
    answer: async (facts, { batches }) => envelope(facts, encodeBatch(await batches.cancel(facts.params['id'] ?? ''))),
  },
]

function envelope({ requestId }: RequestFacts, data: object): object {
  return { status: 'ok', data, meta: { request_id: requestId } }
}

/** A file is named by `file:` and its id here; an id alone is taken too. */
function inputOf(url: string): string {
  return url.startsWith('file:') && !url.startsWith('file://') ? url.slice('file:'.length) : url
}

function statusOf(query: URLSearchParams): BatchStatus {
  const word = query.get('status') ?? ''
  if (word === '') return BatchStatus.UNSPECIFIED
  const status = batchStatusOf(word)
  if (status !== undefined) return status
  throw fail('invalid_request', `status: must be one of ${batchStatusWords.join(', ')}`, { param: 'status' })
}

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit')
  if (text === null || text === '') return defaultLimit
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= mostListed) return limit
  throw fail('invalid_request', `limit: must be a whole number from 1 to ${mostListed}`, { param: 'limit' })
}

function encodeBatch(batch: Batch): z.infer<typeof batchData> {
  const { usage } = batch
  const input = usage?.inputTokens ?? 0
  const output = usage?.outputTokens ?? 0
  return {
    id: batch.id,
    status: batchStatusWord(batch.status) ?? 'validating',
    endpoint: textOrNull(batch.endpoint),
    input_file_url: batch.input.includes('://') ? batch.input : `file:${batch.input}`,
    completion_window: batch.completionWindow,
    metadata: batch.metadata,
    request_counts: {
      total: Number(batch.total),
      completed: Number(batch.completed),
      failed: Number(batch.failed),
    },
    output_file_id: textOrNull(batch.outputFileId),
    output_file_url: contentUrl(batch.outputFileId),
    error_file_id: textOrNull(batch.errorFileId),
    error_file_url: contentUrl(batch.errorFileId),
    output_prefix: textOrNull(batch.outputPrefix),
    usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
    error: batch.errorReason === '' ? null : { code: batch.errorReason, message: batch.errorMessage },
    created_at: timeText(batch.created) ?? '',
    expires_at: timeText(batch.expires) ?? '',
    started_at: timeText(batch.began),
    finished_at: timeText(batch.finished),
  }
}

/** Where a file is read with the same key. */
function contentUrl(fileId: string): string | null {
  return fileId === '' ? null : `/v1/files/${fileId}/content`
}

function textOrNull(text: string): string | null {
  return text === '' ? null : text
}

function timeText(time: Timestamp | undefined): string | null {
  return time === undefined ? null : timestampDate(time).toISOString()
}
