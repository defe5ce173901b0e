import { create } from '@bufbuild/protobuf'
import { type EmbedRequest, type EmbedResponse, EmbedResponseSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import { fail } from '../../error/index.ts'
import { isUntold, tokenCount, usage } from '../../model/usage.ts'
import type { EncodedCall, UpstreamAnswer, WholeDialect } from '../client-operations.ts'
import { joinEmbeddings, splitInputs } from '../embed-parts.ts'
import { purposeWord } from '../purpose.ts'
import { isObject, listOf, rawOf } from '../scalars.ts'
import { parseObject } from '../wire-object.ts'
import { readVector } from '../vectors.ts'
import type { CohereOptions } from './encode-request.ts'

/** Most texts of one request. */
const mostTexts = 96

/** Cohere's words for what vectors are for; without one it answers nothing, so that texts to be found are the usual. */
const inputTypes = {
  query: 'search_query',
  document: 'search_document',
  classification: 'classification',
  clustering: 'clustering',
} as const

/** How Cohere is asked for vectors, by version 2 of its API. */
export const embed: WholeDialect<'embed', CohereOptions> = {
  split: (request) => splitInputs(request, { inputs: mostTexts }),
  join: joinEmbeddings,
  encode: encodeEmbed,
  decode: decodeEmbed,
}

/** Writes a request. Throws `unsupported_field` for token ids. */
function encodeEmbed(request: EmbedRequest): EncodedCall {
  const { model, inputs, purpose, dimensions, source } = request
  const dropped = [...(source?.untranslated ?? [])]
  if (request.user !== undefined) dropped.push('user')
  const word = purpose === undefined ? inputTypes.document : purposeWord(purpose, inputTypes)
  if (word === undefined) dropped.push('purpose')
  const texts = inputs.map(({ kind }) => {
    if (kind.case === 'tokens')
      throw fail('unsupported_field', 'the provider of this model takes texts, and no token ids', { param: 'input' })
    return kind.value ?? ''
  })
  const body = {
    texts,
    model,
    input_type: word ?? inputTypes.document,
    ...(dimensions !== undefined && { output_dimension: dimensions }),
  }
  return { path: '/v2/embed', body: JSON.stringify(body), dropped, passThrough: false }
}

interface WireEmbeddings {
  readonly embeddings?: { readonly float?: readonly unknown[] | null } | null
  readonly meta?: { readonly billed_units?: { readonly input_tokens?: unknown } | null } | null
}

function decodeEmbed({ text }: UpstreamAnswer, { dropped }: EncodedCall): EmbedResponse {
  const { embeddings, meta } = parseObject(text, 'provider_error') as WireEmbeddings
  const billed = meta?.billed_units
  return create(EmbedResponseSchema, {
    embeddings: listOf(embeddings?.float).map((vector, index) => {
      const values = readVector(vector)
      if (values === undefined) throw unreadable()
      return { index, values }
    }),
    ...(isObject(billed) &&
      !isUntold(billed.input_tokens) && {
        usage: usage({ inputTokens: tokenCount(billed.input_tokens), raw: rawOf(billed) }),
      }),
    dropped: [...dropped],
  })
}

function unreadable(): Error {
  return fail('provider_error', "the provider's answer has no embeddings")
}
