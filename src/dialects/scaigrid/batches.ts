import { create } from '@bufbuild/protobuf'
import type { Timestamp } from '@bufbuild/protobuf/wkt'
import { z } from 'zod'
import {
  type Batch,
  BatchStatus,
  CreateBatchRequestSchema,
  ListBatchesRequestSchema,
} from '#gen/switchyard/v1/batch_pb.ts'
import { fail, GatewayError } from '../../error/index.ts'
import { batchStatusOf, batchStatusWord, batchStatusWords } from '../batch-status.ts'
import type { JsonBody, RequestFacts, Route } from '../contract.ts'
import { inWordsOf } from '../field-words.ts'
import { limitType, pageLimit } from '../page-limit.ts'
import type { FileOperations, Surface } from '../surface.ts'
import { isoTime } from '../times.ts'
import { check } from '../validate.ts'
import { batchAnswer, type batchData, batchListAnswer, createBatchRequest } from './batch-types.ts'
import { envelope } from './envelope.ts'

/** The contract's field names, as this API spells them. */
const inputWord = { input: 'input_file_url' }
/** The other name of the window, for those who use it. */
const windowWord = { completion_window: 'endpoint_completion_window' }

const listed = { usual: 50, most: 1000 }

/** `/v1/inference/batch`. */
export const batchRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/inference/batch',
    summary: 'Takes in many requests as one durable job',
    permission: 'batches:write',
    once: true,
    request: createBatchRequest,
    response: batchAnswer,
    async answer(facts, surface, body) {
      const asked = check(createBatchRequest, (body as JsonBody).value)
      const request = create(CreateBatchRequestSchema, {
        input: inputOf(asked.input_file_url),
        endpoint: asked.endpoint ?? '',
        completionWindow: asked.completion_window ?? asked.endpoint_completion_window ?? '',
        outputPrefix: asked.output_prefix ?? '',
        metadata: asked.metadata ?? {},
      })
      const words = asked.completion_window == null ? { ...inputWord, ...windowWord } : inputWord
      const batch = await inWordsOf(words, surface.batches.create(request, 'scaigrid'))
      return envelope(await encodeBatch(batch, facts, surface), facts.requestId)
    },
  },
  {
    method: 'GET',
    path: '/v1/inference/batch',
    summary: 'Batches, newest first',
    permission: 'batches:write',
    query: {
      status: z.enum(batchStatusWords),
      limit: limitType(listed),
      cursor: z.string().describe('next_cursor of the page before'),
    },
    response: batchListAnswer,
    async answer(facts, surface) {
      const { query } = facts
      const asked = { status: statusOf(query), limit: pageLimit(query, listed), cursor: query.get('cursor') ?? '' }
      const page = await surface.batches.list(create(ListBatchesRequestSchema, asked))
      const batches = await Promise.all(page.batches.map((batch) => encodeBatch(batch, facts, surface)))
      return envelope({ batches, next_cursor: textOrNull(page.nextCursor) }, facts.requestId)
    },
  },
  {
    method: 'GET',
    path: '/v1/inference/batch/:id',
    summary: 'One batch, with its results when it has ended',
    permission: 'batches:write',
    response: batchAnswer,
    async answer(facts, surface) {
      const batch = await surface.batches.get(facts.params['id'] ?? '')
      return envelope(await encodeBatch(batch, facts, surface), facts.requestId)
    },
  },
  {
    method: 'POST',
    path: '/v1/inference/batch/:id/cancel',
    summary: 'Cancels a batch; what is done is kept',
    permission: 'batches:write',
    response: batchAnswer,
    async answer(facts, surface) {
      const batch = await surface.batches.cancel(facts.params['id'] ?? '')
      return envelope(await encodeBatch(batch, facts, surface), facts.requestId)
    },
  },
]

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

async function encodeBatch(batch: Batch, facts: RequestFacts, { files }: Surface): Promise<z.infer<typeof batchData>> {
  const { usageTotals: usage } = batch
  const input = Number(usage?.inputTokens ?? 0)
  const output = Number(usage?.outputTokens ?? 0)
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
    output_file_url: await linkTo(batch.outputFileId, facts, files),
    error_file_id: textOrNull(batch.errorFileId),
    error_file_url: await linkTo(batch.errorFileId, facts, files),
    output_prefix: textOrNull(batch.outputPrefix),
    usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
    error: batch.errorReason === '' ? null : { code: batch.errorReason, message: batch.errorMessage },
    created_at: timeText(batch.created) ?? '',
    expires_at: timeText(batch.expires) ?? '',
    started_at: timeText(batch.began),
    finished_at: timeText(batch.finished),
  }
}

/** Where a file can be read for a while, without a key; null for none, and for one that is not there any more. */
async function linkTo(fileId: string, { origin }: RequestFacts, files: FileOperations): Promise<string | null> {
  if (fileId === '') return null
  try {
    return await files.link(fileId, origin?.())
  } catch (error) {
    if (error instanceof GatewayError && error.reason === 'not_found') return null
    throw error
  }
}

function textOrNull(text: string): string | null {
  return text === '' ? null : text
}

function timeText(time: Timestamp | undefined): string | null {
  return time === undefined ? null : isoTime(time)
}
