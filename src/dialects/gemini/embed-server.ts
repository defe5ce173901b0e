import { create, type JsonObject } from '@bufbuild/protobuf'
import { type EmbedRequest, EmbedRequestSchema, type EmbedResponse } from '#gen/switchyard/v1/embedding_pb.ts'
import { fail } from '../../error/index.ts'
import type { JsonBody, OperationRoute, RequestFacts } from '../contract.ts'
import type { WholeAnswer } from '../operation.ts'
import { noteUnknown } from '../untranslated.ts'
import { check } from '../validate.ts'
import {
  batchEmbedContentsRequest,
  batchEmbedContentsResponse,
  embedContentRequest,
  type EmbedContentRequest,
  embedContentResponse,
} from './embed-types.ts'
import { camelCased } from './spelling.ts'

/**
 * Reads a request for one vector or for several, for the model that its path names. What the contract has no field for, pictures among
 * it, is named in `source.untranslated`. Throws `invalid_request`, naming the field.
 */
function decodeEmbedRequest(body: JsonBody, model: string): EmbedRequest {
  const spelled = camelCased(body.value)
  const untranslated: string[] = []
  const wires = isBatch(spelled)
    ? check(batchEmbedContentsRequest, spelled).requests
    : [check(embedContentRequest, spelled)]
  const pathOf = (at: number): string => (isBatch(spelled) ? `requests[${at}]` : '')
  const [first] = wires
  for (const [at, wire] of wires.entries()) {
    noteUnknown(wire, embedContentRequest.shape, pathOf(at), untranslated)
    noteOther(first, wire, pathOf(at), untranslated)
  }
  return create(EmbedRequestSchema, {
    model,
    inputs: wires.map((wire, at) => ({
      kind: { case: 'text' as const, value: textOf(wire, pathOf(at), untranslated) },
    })),
    ...(first?.taskType != null && { purpose: first.taskType }),
    ...(first?.outputDimensionality != null && { dimensions: first.outputDimensionality }),
    source: { dialect: 'gemini', body: body.text, untranslated },
  })
}

function isBatch(body: JsonObject): boolean {
  return body['requests'] !== undefined
}

/** What of one text is wanted otherwise than of the first. Throws `invalid_request` for another length. */
function noteOther(
  first: EmbedContentRequest | undefined,
  wire: EmbedContentRequest,
  path: string,
  lost: string[],
): void {
  const param = `${path}.outputDimensionality`
  if ((wire.outputDimensionality ?? 0) !== (first?.outputDimensionality ?? 0))
    throw fail('invalid_request', `${param}: must be the same in all requests`, { param })
  if ((wire.taskType ?? '') !== (first?.taskType ?? '')) lost.push(`${path}.taskType`)
}

function textOf({ content }: EmbedContentRequest, path: string, untranslated: string[]): string {
  const at = path === '' ? 'content' : `${path}.content`
  const texts = (content.parts ?? []).flatMap((part, index) => {
    if (part.text != null) return [part.text]
    untranslated.push(`${at}.parts[${index}]`)
    return []
  })
  if (texts.length === 0 && untranslated.length === 0)
    throw fail('invalid_request', `${at}.parts is required`, { param: `${at}.parts` })
  return texts.join('\n')
}

const one: WholeAnswer<'embed'> = {
  whole: (response) => rawOr(response, { embedding: { values: response.embeddings[0]?.values ?? [] } }),
}

const several: WholeAnswer<'embed'> = {
  whole: (response) => rawOr(response, { embeddings: response.embeddings.map(({ values }) => ({ values })) }),
}

function rawOr({ raw, rawDialect, usage }: EmbedResponse, written: object): string {
  if (rawDialect === 'gemini' && raw !== '') return raw
  const tokens = usage?.inputTokens
  return JSON.stringify({
    ...written,
    ...(tokens !== undefined && { usageMetadata: { promptTokenCount: tokens, totalTokenCount: tokens } }),
  })
}

/** The endpoints for vectors of one version of the API, each for the model that `modelOf` finds in its path. */
export function embeddingsAt(version: string, modelOf: (facts: RequestFacts) => string): OperationRoute[] {
  const decode: OperationRoute['decode'] = (body, facts) => {
    const request = decodeEmbedRequest(body, modelOf(facts))
    const answer = body.value['requests'] === undefined ? one : several
    return { operation: 'embed', request, streaming: false, answer }
  }
  return [
    {
      path: `${version}/models/*:embedContent`,
      summary: 'A vector for a text',
      operation: 'embed',
      request: embedContentRequest,
      response: embedContentResponse,
      decode,
    },
    {
      path: `${version}/models/*:batchEmbedContents`,
      summary: 'Vectors for texts',
      operation: 'embed',
      request: batchEmbedContentsRequest,
      response: batchEmbedContentsResponse,
      decode,
    },
  ]
}
