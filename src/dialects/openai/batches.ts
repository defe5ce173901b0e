import { create } from '@bufbuild/protobuf'
import type { Timestamp } from '@bufbuild/protobuf/wkt'
import { z } from 'zod'
import {
  type Batch,
  BatchStatus,
  CreateBatchRequestSchema,
  ListBatchesRequestSchema,
} from '#gen/switchyard/v1/batch_pb.ts'
import { batchStatusWord } from '../batch-status.ts'
import type { JsonBody, Route } from '../contract.ts'
import { inWordsOf } from '../field-words.ts'
import { limitType, pageLimit } from '../page-limit.ts'
import { epochSeconds } from '../times.ts'
import { check } from '../validate.ts'
import { batchList, batchObject, type BatchObject, createBatchRequest } from './batch-types.ts'

/** The contract's field names, as this API spells them. */
const words = { input: 'input_file_id' }

const listed = { usual: 20, most: 100 }

/** `/v1/batches`. */
export const batchRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/batches',
    summary: 'Takes in many requests as one durable job',
    permission: 'batches:write',
    once: true,
    request: createBatchRequest,
    response: batchObject,
    async answer(_facts, { batches }, body) {
      const asked = check(createBatchRequest, (body as JsonBody).value)
      const request = create(CreateBatchRequestSchema, {
        input: asked.input_file_id,
        endpoint: asked.endpoint,
        completionWindow: asked.completion_window,
        metadata: asked.metadata ?? {},
      })
      return encodeBatch(await inWordsOf(words, batches.create(request, 'openai')))
    },
  },
  {
    method: 'GET',
    path: '/v1/batches',
    summary: 'Batches, newest first',
    permission: 'batches:write',
    query: {
      after: z.string().describe('id of the batch to begin behind'),
      limit: limitType(listed),
    },
    response: batchList,
    async answer({ query }, { batches }) {
      const after = query.get('after') ?? ''
      const page = await batches.list(create(ListBatchesRequestSchema, { limit: pageLimit(query, listed), after }))
      const data = page.batches.map(encodeBatch)
      return {
        object: 'list',
        data,
        ...(data.length > 0 && { first_id: data[0]?.id, last_id: data.at(-1)?.id }),
        has_more: page.nextCursor !== '',
      }
    },
  },
  {
    method: 'GET',
    path: '/v1/batches/:id',
    summary: 'One batch',
    permission: 'batches:write',
    response: batchObject,
    answer: async ({ params }, { batches }) => encodeBatch(await batches.get(params['id'] ?? '')),
  },
  {
    method: 'POST',
    path: '/v1/batches/:id/cancel',
    summary: 'Cancels a batch; what is done is kept',
    permission: 'batches:write',
    response: batchObject,
    answer: async ({ params }, { batches }) => encodeBatch(await batches.cancel(params['id'] ?? '')),
  },
]

/** When a batch ended, by the field that says how. */
const endings: Readonly<Partial<Record<BatchStatus, keyof BatchObject>>> = {
  [BatchStatus.COMPLETED]: 'completed_at',
  [BatchStatus.FAILED]: 'failed_at',
  [BatchStatus.EXPIRED]: 'expired_at',
  [BatchStatus.CANCELLED]: 'cancelled_at',
}

function encodeBatch(batch: Batch): BatchObject {
  const { usageTotals: usage } = batch
  const input = Number(usage?.inputTokens ?? 0)
  const output = Number(usage?.outputTokens ?? 0)
  const ending = endings[batch.status]
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    ...(batch.errorReason !== '' && {
      errors: {
        object: 'list',
        data: [{ code: batch.errorReason, message: batch.errorMessage, param: null, line: null }],
      },
    }),
    input_file_id: batch.input,
    completion_window: batch.completionWindow,
    status: batchStatusWord(batch.status) ?? 'validating',
    ...(batch.outputFileId !== '' && { output_file_id: batch.outputFileId }),
    ...(batch.errorFileId !== '' && { error_file_id: batch.errorFileId }),
    created_at: batch.created === undefined ? 0 : epochSeconds(batch.created),
    ...at('in_progress_at', batch.began),
    ...at('expires_at', batch.expires),
    ...at('finalizing_at', batch.finalizing),
    ...at('cancelling_at', batch.cancelling),
    ...(ending !== undefined && at(ending, batch.finished)),
    request_counts: {
      total: Number(batch.total),
      completed: Number(batch.completed),
      failed: Number(batch.failed),
    },
    usage: {
      input_tokens: input,
      input_tokens_details: { cached_tokens: Number(usage?.cacheReadTokens ?? 0) },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: Number(usage?.reasoningTokens ?? 0) },
      total_tokens: input + output,
    },
    ...(Object.keys(batch.metadata).length > 0 && { metadata: batch.metadata }),
  }
}

function at(field: keyof BatchObject, time: Timestamp | undefined): Partial<BatchObject> {
  return time === undefined ? {} : { [field]: epochSeconds(time) }
}
