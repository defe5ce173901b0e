import { asList, asMap, asText, type WireCase } from '../case.ts'
import { post } from '../checks/http.ts'
import { type Line, modelName } from '../checks/probe.ts'
import { firstDifference } from '../compare.ts'
import type { Endpoint } from './contract.ts'
import { floatsOf, toldByRpc, type Vectors, waysFor } from './embeddings.ts'

// Embeddings in formats that are not OpenAI's.

/** The first body that arrived, beside the one that is expected. */
function unlikeFirst(expected: object, line: Line): string[] {
  const difference = firstDifference(expected, line.received[0]?.body, 'request')
  return difference === undefined ? [] : [difference]
}

// ------------------------------------------------------------------------------------------------------------- gemini

const saidByGemini = ({ response }: WireCase): Vectors => {
  const { embedding, embeddings, usageMetadata } = asMap(response.body) ?? {}
  const all = embedding === undefined ? asList(embeddings) : [embedding]
  const told = asMap(usageMetadata)?.['promptTokenCount']
  return {
    vectors: all.map((one) => floatsOf(asMap(one)?.['values'])),
    input: typeof told === 'number' ? told : 'estimated',
  }
}

/** The recorded body with the model the vendor is to see. */
function inGemini({ request }: WireCase, { model }: Line): object {
  return { ...asMap(request?.body), model: `models/${model}` }
}

/** `:embedContent`, of Google's Gemini API. */
export const geminiEmbeddings: Endpoint = {
  path: /\/models\/[^/]+:embedContent$/,
  provider: () => ({ type: 'gemini', settings: {}, basePath: '', shows: 'x-goog-api-key' }),
  own(line, { request }) {
    const model = modelName(line).split('/').map(encodeURIComponent).join('/')
    return post(line, `/v1beta/models/${model}:embedContent`, {
      content: { parts: [{ text: 'text 0' }] },
      ...asMap(request?.body),
    })
  },
  arrived: (line, wireCase) => unlikeFirst(inGemini(wireCase, line), line),
  translated(line, { request }) {
    const body = asMap(request?.body)
    const parts = asList(asMap(body?.['content'])?.['parts'])
    const value = parts.map((part) => asText(asMap(part)?.['text'])).join('\n')
    return toldByRpc(line, { inputs: [{ kind: { case: 'text', value } }] })
  },
  arrivedTranslated: (line, wireCase) => unlikeFirst(inGemini(wireCase, line), line),
  said: saidByGemini,
  ways: waysFor(saidByGemini),
}

// ------------------------------------------------------------------------------------------------------------- cohere

const saidByCohere = ({ response }: WireCase): Vectors => {
  const { embeddings, meta } = asMap(response.body) ?? {}
  const told = asMap(asMap(meta)?.['billed_units'])?.['input_tokens']
  return {
    vectors: asList(asMap(embeddings)?.['float']).map(floatsOf),
    input: typeof told === 'number' ? told : 'estimated',
  }
}

/** `POST /v2/embed`, of Cohere, whose format no client speaks. */
export const cohereEmbeddings: Endpoint = {
  path: /\/v2\/embed$/,
  provider: () => ({ type: 'cohere', settings: {}, basePath: '', shows: 'bearer' }),
  arrived: () => [],
  translated(line, { request }) {
    const { texts, input_type: purpose } = asMap(request?.body) ?? {}
    const inputs = asList(texts).map((text) => ({ kind: { case: 'text' as const, value: asText(text) } }))
    return toldByRpc(line, { inputs, purpose: asText(purpose) })
  },
  arrivedTranslated: (line, { request }) => unlikeFirst({ ...asMap(request?.body), model: line.model }, line),
  said: saidByCohere,
  ways: waysFor(saidByCohere),
}
