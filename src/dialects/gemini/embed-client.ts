import { create } from '@bufbuild/protobuf'
import { type EmbedRequest, type EmbedResponse, EmbedResponseSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import { fail } from '../../error/index.ts'
import { isUntold, tokenCount, usage } from '../../model/usage.ts'
import type { EncodedCall, UpstreamAnswer, WholeDialect } from '../client-operations.ts'
import { joinEmbeddings, splitInputs } from '../embed-parts.ts'
import { purposeWord } from '../purpose.ts'
import { isObject, listOf, rawOf } from '../scalars.ts'
import { readVector } from '../vectors.ts'
import { mostTexts, type WireEmbeddings } from './embed-types.ts'
import { type GeminiOptions, resourceOf } from './encode-request.ts'

/** Google's words for what vectors are for. */
const taskTypes = {
  query: 'RETRIEVAL_QUERY',
  document: 'RETRIEVAL_DOCUMENT',
  classification: 'CLASSIFICATION',
  clustering: 'CLUSTERING',
  similarity: 'SEMANTIC_SIMILARITY',
} as const
const otherTaskTypes = ['QUESTION_ANSWERING', 'FACT_VERIFICATION', 'CODE_RETRIEVAL_QUERY']

/** Models that take no word for what vectors are for: it is to be said in the text itself. https://ai.google.dev/gemini-api/docs/embeddings */
const purposeless = 'gemini-embedding-2'

/** Google's word for a purpose; undefined, and named in `dropped`, where it or the model has none. */
export function taskTypeOf({ model, purpose }: EmbedRequest, dropped: string[]): string | undefined {
  if (purpose === undefined) return undefined
  const word = model.includes(purposeless) ? undefined : purposeWord(purpose, taskTypes, otherTaskTypes)
  if (word === undefined) dropped.push('purpose')
  return word
}

/** The text of an input. Throws `unsupported_field` for token ids. */
export function wordsOf({ kind }: EmbedRequest['inputs'][number]): string {
  if (kind.case !== 'tokens') return kind.value ?? ''
  throw fail('unsupported_field', 'the provider of this model takes texts, and no token ids', { param: 'input' })
}

/** How Google's Gemini API is asked for vectors: one by `embedContent`, several by `batchEmbedContents`. */
export const embed: WholeDialect<'embed', GeminiOptions> = {
  split: (request) => splitInputs(request, { inputs: mostTexts }),
  join: joinEmbeddings,
  encode: encodeEmbed,
  decode: decodeEmbed,
}

/**
 * Writes a request. One that came in this dialect goes out as the client wrote it, with the model's name where it is repeated. Throws
 * `unsupported_field` for token ids.
 */
function encodeEmbed(request: EmbedRequest, options: GeminiOptions): EncodedCall {
  const resource = resourceOf(request.model, options)
  const { source } = request
  const model = decodeURIComponent(resource)
  const pathOf = (method: string): string => `/${options.apiVersion}/${resource}:${method}`
  if (source?.dialect === 'gemini') {
    const own = JSON.parse(source.body) as Record<string, unknown>
    const path = pathOf(own['requests'] === undefined ? 'embedContent' : 'batchEmbedContents')
    return { path, body: withModel(source.body, own, model), dropped: [], passThrough: true }
  }
  const dropped = [...(source?.untranslated ?? [])]
  if (request.user !== undefined) dropped.push('user')
  const taskType = taskTypeOf(request, dropped)
  const requests = request.inputs.map((input) => ({
    model,
    content: { parts: [{ text: wordsOf(input) }] },
    ...(taskType !== undefined && { taskType }),
    ...(request.dimensions !== undefined && { outputDimensionality: request.dimensions }),
  }))
  const [only] = requests
  const single = requests.length === 1 && only !== undefined
  return {
    path: pathOf(single ? 'embedContent' : 'batchEmbedContents'),
    body: JSON.stringify(single ? only : { requests }),
    dropped,
    passThrough: false,
  }
}

/** The client's own words, with the model in each place where it is repeated; every request of a batch has to have it. */
function withModel(text: string, body: Record<string, unknown>, model: string): string {
  const { requests } = body
  if (Array.isArray(requests))
    return JSON.stringify({ ...body, requests: requests.map((one: object) => ({ ...one, model })) })
  return body['model'] === undefined ? text : JSON.stringify({ ...body, model })
}

function decodeEmbed({ text }: UpstreamAnswer, { passThrough, dropped }: EncodedCall): EmbedResponse {
  const wire = parse(text)
  const vectors = wire.embedding == null ? listOf(wire.embeddings) : [wire.embedding]
  const { usageMetadata: told } = wire
  return create(EmbedResponseSchema, {
    embeddings: vectors.map((vector, index) => {
      const values = readVector(vector?.values)
      if (values === undefined) throw unreadable()
      return { index, values }
    }),
    ...(isObject(told) &&
      !isUntold(told.promptTokenCount) && {
        usage: usage({ inputTokens: tokenCount(told.promptTokenCount), raw: rawOf(told) }),
      }),
    dropped: [...dropped],
    ...(passThrough && { raw: text.trim(), rawDialect: 'gemini' }),
  })
}

function parse(text: string): WireEmbeddings {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value) && ('embedding' in value || 'embeddings' in value)) return value as WireEmbeddings
  } catch {
    // Reported below, like any other text that holds no vectors.
  }
  throw unreadable()
}

/** The error of an answer without vectors. */
export function unreadable(): Error {
  return fail('provider_error', "the provider's answer has no embeddings")
}
