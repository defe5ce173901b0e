import { create } from '@bufbuild/protobuf'
import { type EmbedRequest, type EmbedResponse, EmbedResponseSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { fail } from '../../error/index.ts'
import { isUntold, tokenCount, usage } from '../../model/usage.ts'
import type { EncodedCall, UpstreamAnswer, WholeDialect } from '../client-operations.ts'
import { joinEmbeddings, splitInputs } from '../embed-parts.ts'
import { replaceModel } from '../json.ts'
import { type PurposeWords, purposeWord } from '../purpose.ts'
import { countOf, isObject, objectsOf, rawOf, textOf } from '../scalars.ts'
import { parseObject } from '../wire-object.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { readVector } from '../vectors.ts'
import { mostInputs, type WireEmbeddings } from './embed-types.ts'

/** What differs between vendors whose embeddings are asked for as OpenAI's are. */
export interface EmbeddingOptions {
  /** Most inputs in one request; 2,048 unless said otherwise. */
  readonly inputs?: number
  /** Most tokens in one request, all its inputs together; none unless said otherwise. */
  readonly tokensAtOnce?: number
  /** What the vendor calls the length of a vector; null where it has no such field, and a length is refused. */
  readonly dimensions?: string | null
  /** The vendor's field for what vectors are for, and its words; a purpose is named as dropped where there is none. */
  readonly purpose?: { readonly field: string; readonly words: PurposeWords }
  /** False where the vendor has no field for the end user. */
  readonly user?: boolean
  /** False where the vendor takes texts alone. */
  readonly tokens?: boolean
  /** How the vendor can be asked to write vectors; in both ways unless said otherwise. */
  readonly formats?: readonly ('float' | 'base64')[]
  /** True where translated requests ask for base64, a quarter of the size. */
  readonly compact?: boolean
}

/** The part of a format's options that embeddings look at. */
export interface EmbeddingVendor {
  readonly embeddings?: EmbeddingOptions
}

/** How an upstream of OpenAI's embeddings, or of a vendor compatible with them, is asked. */
export const embed: WholeDialect<'embed', EmbeddingVendor> = {
  split: (request, { embeddings: { inputs = mostInputs, tokensAtOnce } = {} }) =>
    splitInputs(request, { inputs, tokens: losesWords(request) ? undefined : tokensAtOnce }),
  join: joinEmbeddings,
  encode: encodeEmbed,
  decode: decodeEmbed,
}

/** Tokens are estimated, and a request may well be within the limit: then it is not worth what only its client's own words say. */
function losesWords({ source }: EmbedRequest): boolean {
  return source?.dialect === 'openai' && source.untranslated.length > 0
}

/**
 * Writes a request. One that came in this dialect goes out as the client wrote it, the model replaced and fields renamed that the
 * vendor calls otherwise. Throws `unsupported_field` for a length or for token ids that the vendor does not take.
 */
function encodeEmbed(request: EmbedRequest, { embeddings = {} }: EmbeddingVendor): EncodedCall {
  const { source } = request
  requireTaken(request, embeddings)
  const own = source?.dialect === 'openai' ? replaceModel(source.body, request.model) : undefined
  const dropped = own === undefined ? [...(source?.untranslated ?? [])] : []
  if (request.user !== undefined && embeddings.user === false) dropped.push('user')
  if (own !== undefined) {
    const passThrough = !asksBase64(own) || isWritten('base64', embeddings)
    return { path: '/embeddings', body: adapted(own, embeddings), dropped, passThrough }
  }
  const { dimensions, purpose } = request
  const word = purpose === undefined ? undefined : purposeWord(purpose, embeddings.purpose?.words ?? {})
  if (purpose !== undefined && word === undefined) dropped.push('purpose')
  const body = {
    model: request.model,
    input: inputOf(request),
    dimensions,
    ...(word !== undefined && embeddings.purpose !== undefined && { [embeddings.purpose.field]: word }),
    user: request.user,
    ...(embeddings.compact === true && { encoding_format: 'base64' }),
  }
  return { path: '/embeddings', body: JSON.stringify(renamed(body, embeddings)), dropped, passThrough: false }
}

function requireTaken({ dimensions, inputs }: EmbedRequest, options: EmbeddingOptions): void {
  if (dimensions !== undefined && options.dimensions === null)
    throw fail('unsupported_field', 'the provider of this model does not have dimensions', { param: 'dimensions' })
  if (options.tokens === false && inputs.some(({ kind }) => kind.case === 'tokens'))
    throw fail('unsupported_field', 'the provider of this model takes texts, and no token ids', { param: 'input' })
}

/** The client's own text; the very same where the vendor calls nothing in it otherwise. */
function adapted(text: string, options: EmbeddingOptions): string {
  const { dimensions = 'dimensions', user, formats, purpose } = options
  if (dimensions === 'dimensions' && user !== false && formats === undefined && purpose === undefined) return text
  const body = JSON.parse(text) as Record<string, unknown>
  const changed = renamed(body, options)
  return JSON.stringify(changed) === JSON.stringify(body) ? text : JSON.stringify(changed)
}

function renamed(body: Readonly<Record<string, unknown>>, options: EmbeddingOptions): object {
  const { dimensions: word, user, purpose } = options
  const fields = Object.entries(body).flatMap(([name, value]): [string, unknown][] => {
    if (name === 'dimensions' && word !== undefined) return word === null ? [] : [[word, value]]
    if (name === 'user' && user === false) return []
    if (name === 'encoding_format' && !isWritten(value, options)) return []
    if (name === 'input_type' && purpose !== undefined && typeof value === 'string')
      return [[purpose.field, purposeWord(value, purpose.words) ?? value]]
    return [[name, value]]
  })
  return Object.fromEntries(fields)
}

/** Whether the vendor can be asked for vectors in a format by its name. */
function isWritten(format: unknown, { formats }: EmbeddingOptions): boolean {
  return formats === undefined || formats.some((one) => one === format)
}

function inputOf({ inputs }: EmbedRequest): unknown {
  const all = inputs.map(({ kind }) => (kind.case === 'tokens' ? kind.value.ids : (kind.value ?? '')))
  const [only] = all
  return all.length === 1 && typeof only === 'string' ? only : all
}

/**
 * Reads an answer. It is handed through as it was only where its vectors are written as the client asked: some vendors do not know
 * base64, and a client that asked for it could not read anything else.
 */
function decodeEmbed({ text }: UpstreamAnswer, { passThrough, dropped, body }: EncodedCall): EmbedResponse {
  const wire = parseObject(text, 'provider_error') as WireEmbeddings
  if (wire.error != null) throw upstreamError(problemOf(wire))
  if (!Array.isArray(wire.data)) throw unreadable()
  const vectors = objectsOf<{ index?: unknown; embedding?: unknown }>(wire.data)
  const asked = passThrough && typeof body === 'string' && asksBase64(body)
  const kept = passThrough && vectors.every(({ embedding }) => (typeof embedding === 'string') === asked)
  return create(EmbedResponseSchema, {
    model: textOf(wire.model),
    embeddings: vectors.map(({ index, embedding }, at) => {
      const values = readVector(embedding)
      if (values === undefined) throw unreadable()
      return { index: index === undefined ? at : countOf(index), values }
    }),
    ...(isObject(wire.usage) && { usage: embeddingUsage(wire.usage) }),
    dropped: [...dropped],
    ...(kept && { raw: text.trim(), rawDialect: 'openai' }),
  })
}

function asksBase64(body: string): boolean {
  const { encoding_format: format } = JSON.parse(body) as { encoding_format?: unknown }
  return format === 'base64'
}

/** What was read; vendors that count a total alone mean the same. */
function embeddingUsage(wire: Readonly<Record<string, unknown>>): Usage {
  const told = isUntold(wire['prompt_tokens']) ? wire['total_tokens'] : wire['prompt_tokens']
  return usage({ inputTokens: tokenCount(told), inputUnknown: isUntold(told), raw: rawOf(wire) })
}

function unreadable(): Error {
  return fail('provider_error', "the provider's answer is not a list of embeddings")
}
