import { create } from '@bufbuild/protobuf'
import { type EmbedRequest, type EmbedResponse, EmbedResponseSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import { sumOf, tokenCount, usage } from '../../model/usage.ts'
import type { EncodedCall, UpstreamAnswer, WholeDialect } from '../client-operations.ts'
import { joinEmbeddings, splitInputs } from '../embed-parts.ts'
import { isObject, listOf } from '../scalars.ts'
import { readVector } from '../vectors.ts'
import { embed, taskTypeOf, unreadable, wordsOf } from './embed-client.ts'
import { type GeminiOptions, resourceOf } from './encode-request.ts'

/** Texts and tokens of one request, but for models of the Gemini family, which take one text, as Google's page on text embeddings has it. */
const limits = { inputs: 250, tokens: 20_000 }

/** The one model of the Gemini family that is asked by `predict`: later ones have `embedContent` alone, as Google's own SDK knows. */
const predicted = 'gemini-embedding-001'

/** How Vertex AI is asked for vectors: by its general `predict`, with an instance for each text, or for one by `embedContent`. */
export const embedPredict: WholeDialect<'embed', GeminiOptions> = {
  split: (request) => splitInputs(request, isOfGemini(request.model) ? { inputs: 1 } : limits),
  join: joinEmbeddings,
  encode: encodePredict,
  decode: (answer, encoded, options) =>
    encoded.path.endsWith(':predict') ? decodePredict(answer, encoded) : embed.decode(answer, encoded, options),
}

function isOfGemini(model: string): boolean {
  return model.includes('gemini')
}

/** Writes a request. Throws `unsupported_field` for token ids. */
function encodePredict(request: EmbedRequest, options: GeminiOptions): EncodedCall {
  const { source, dimensions, model } = request
  const dropped = [...(source?.untranslated ?? [])]
  if (request.user !== undefined) dropped.push('user')
  const taskType = taskTypeOf(request, dropped)
  const place = `/${options.apiVersion}/${resourceOf(model, options)}`
  const [only] = request.inputs
  if (isOfGemini(model) && !model.endsWith(predicted) && only !== undefined) {
    const config = {
      ...(taskType !== undefined && { taskType }),
      ...(dimensions !== undefined && { outputDimensionality: dimensions }),
    }
    const body = { content: { parts: [{ text: wordsOf(only) }] }, embedContentConfig: config }
    return { path: `${place}:embedContent`, body: JSON.stringify(body), dropped, passThrough: false }
  }
  const instances = request.inputs.map((input) => ({
    content: wordsOf(input),
    ...(taskType !== undefined && { task_type: taskType }),
  }))
  const body = { instances, ...(dimensions !== undefined && { parameters: { outputDimensionality: dimensions } }) }
  return { path: `${place}:predict`, body: JSON.stringify(body), dropped, passThrough: false }
}

interface WirePrediction {
  readonly embeddings?: {
    readonly values?: unknown
    readonly statistics?: { readonly token_count?: unknown } | null
  } | null
}

function decodePredict({ text }: UpstreamAnswer, { dropped }: EncodedCall): EmbedResponse {
  const predictions = listOf(parse(text).predictions)
  const counts = predictions.map((one) => one?.embeddings?.statistics?.token_count)
  const told = counts.every((count) => typeof count === 'number')
  return create(EmbedResponseSchema, {
    embeddings: predictions.map((one, index) => {
      const values = readVector(one?.embeddings?.values)
      if (values === undefined) throw unreadable()
      return { index, values }
    }),
    ...(told && { usage: sumOf(counts.map((count) => usage({ inputTokens: tokenCount(count) }))) }),
    dropped: [...dropped],
  })
}

function parse(text: string): { readonly predictions?: readonly (WirePrediction | null)[] | null } {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Reported below, like any other text that is not an object.
  }
  throw unreadable()
}
