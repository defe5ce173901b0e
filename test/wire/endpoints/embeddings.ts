import type { MessageInitShape } from '@bufbuild/protobuf'
import type { EmbedRequestSchema, EmbedResponse } from '#gen/switchyard/v1/embedding_pb.ts'
import { asList, asMap, type JsonMap, parseOrText, type WireCase } from '../case.ts'
import { rpcPatience } from '../checks/canonical.ts'
import { type HttpAnswer, post } from '../checks/http.ts'
import { type Line, modelName } from '../checks/probe.ts'
import { firstDifference } from '../compare.ts'
import type { Received } from '../upstream.ts'
import type { Endpoint, Way } from './contract.ts'

/** What an answer with vectors says: its vectors as 32-bit floats, and what was read, unless nobody told. */
export interface Vectors {
  readonly vectors: readonly (readonly number[])[]
  readonly input: number | 'estimated'
}

/** A vector as 32-bit floats, written as numbers or as their little-endian bytes in base64. */
export function floatsOf(written: unknown): number[] {
  if (typeof written === 'string') {
    const bytes = Buffer.from(written, 'base64')
    return Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4))
  }
  return asList(written).map((value) => Math.fround(Number(value)))
}

/** As many texts as there are vectors in the recording: an answer with more or fewer is refused. */
export function textsFor(endpoint: Pick<Endpoint, 'said'>, wireCase: WireCase): string[] {
  const { vectors } = wireCase.response.status < 400 ? (endpoint.said(wireCase) as Vectors) : { vectors: [[]] }
  return vectors.map((_, at) => `text ${at}`)
}

/** The ways to ask for vectors that are the same whatever vendor answers. */
export function waysFor(said: Endpoint['said']): Way[] {
  const texts = (wireCase: WireCase): string[] => textsFor({ said }, wireCase)
  return [
    {
      check: 'canonical',
      label: '',
      ask: async (line, wireCase) => ({ said: await toldByRpc(line, { inputs: texts(wireCase).map(textOf) }) }),
    },
    {
      check: 'openai',
      label: 'base64',
      async ask(line, wireCase) {
        const body = { model: modelName(line), input: texts(wireCase), encoding_format: 'base64' }
        const answer = await post(line, '/v1/embeddings', body)
        return { answer, said: vectorsIn(parseOrText(answer.text)) }
      },
    },
    ...plainWays(texts),
  ]
}

/** Those of the dialects that write plain numbers. */
function plainWays(texts: (wireCase: WireCase) => string[]): Way[] {
  return [
    {
      check: 'scaigrid',
      label: '',
      async ask(line, wireCase) {
        const answer = await post(line, '/v1/inference/embed', { model: modelName(line), input: texts(wireCase) })
        return { answer, said: vectorsIn(asMap(parseOrText(answer.text))?.['data']) }
      },
    },
    {
      check: 'platform',
      label: '',
      async ask(line, wireCase) {
        const body = { model: line.model, providerId: line.provider, input: texts(wireCase) }
        const answer = await post(line, '/api/v1/inference/embed', body)
        const { embeddings, usage } = asMap(asMap(parseOrText(answer.text))?.['data']) ?? {}
        const input = asMap(usage)?.['inputTokens'] as number
        return { answer, said: { vectors: asList(embeddings).map(floatsOf), input } }
      },
    },
    {
      check: 'cross',
      label: 'gemini',
      async ask(line, wireCase) {
        const model = modelName(line).split('/').map(encodeURIComponent).join('/')
        const requests = texts(wireCase).map((text) => ({ content: { parts: [{ text }] } }))
        const answer = await post(line, `/v1beta/models/${model}:batchEmbedContents`, { requests })
        const { embeddings, usageMetadata } = asMap(parseOrText(answer.text)) ?? {}
        const input = asMap(usageMetadata)?.['promptTokenCount'] as number
        return { answer, said: { vectors: asList(embeddings).map((one) => floatsOf(asMap(one)?.['values'])), input } }
      },
    },
  ]
}

function textOf(text: string): { kind: { case: 'text'; value: string } } {
  return { kind: { case: 'text', value: text } }
}

/** What the gateway says over RPC. */
export async function toldByRpc(line: Line, asked: MessageInitShape<typeof EmbedRequestSchema>): Promise<Vectors> {
  const response = await line.connect.embed({ ...asked, model: modelName(line) }, rpcPatience())
  return { vectors: response.embeddings.map(({ values }) => floatsOf(values)), input: inputOf(response) }
}

function inputOf({ usage }: EmbedResponse): number | 'estimated' {
  return usage === undefined || usage.estimated ? 'estimated' : usage.inputTokens
}

/** What a list of embeddings says, as OpenAI writes it. */
export function vectorsIn(body: unknown): Vectors {
  const { data, usage } = asMap(body) ?? {}
  const counted = asMap(usage)
  return {
    vectors: asList(data).map((one) => floatsOf(asMap(one)?.['embedding'])),
    input: (counted?.['prompt_tokens'] ?? counted?.['total_tokens'] ?? 'estimated') as Vectors['input'],
  }
}

/** The body that was recorded, with the model the vendor is to see. */
function recordedBody({ request }: WireCase, line: Line): JsonMap {
  return { ...asMap(request?.body), model: line.model }
}

/** The bodies that arrived as one: more inputs than the vendor takes at once arrive in order, in several. */
export function joined(received: readonly Received[], field: string): JsonMap {
  const [first = {}, ...others] = received.map(({ body }) => asMap(body) ?? {})
  if (others.length === 0) return first
  return { ...first, [field]: [first, ...others].flatMap((body) => asList(body[field]) as JsonMap[]) }
}

const own = (line: Line, { request }: WireCase): Promise<HttpAnswer> =>
  post(line, '/v1/embeddings', { input: 'text 0', ...asMap(request?.body), model: modelName(line) })

const said: Endpoint['said'] = ({ response }) => vectorsIn(response.body)

/** More inputs than the vendor takes: of those that it then refuses, only the first arrive. */
function asFarAsAsked(body: JsonMap, line: Line, { response }: WireCase): JsonMap {
  const arrived = asList(joined(line.received, 'input')['input'])
  const input = asList(body['input'])
  return response.status < 400 || input.length <= arrived.length
    ? body
    : { ...body, input: input.slice(0, arrived.length) as JsonMap[] }
}

/** Fields of one vendor that the contract does not have. */
const uncarried = new Set(['truncation', 'output_dtype'])

/**
 * A question in the contract's terms: how vectors are written on the way is no part of it, a text is a list of one, and what is null
 * says nothing.
 */
function plainly(body: JsonMap): JsonMap {
  const told = Object.entries(body).filter(([name, value]) => value !== null && !uncarried.has(name))
  const { encoding_format: _, input, ...rest } = Object.fromEntries(told)
  return { ...rest, input: typeof input === 'string' ? [input] : (input ?? null) }
}

/** `POST /v1/embeddings`, of OpenAI and of vendors compatible with it. */
export const openaiEmbeddings: Endpoint = {
  path: /\/embeddings\/?$/,
  isAnswer: ({ body }) => asMap(asList(asMap(body)?.['data'])[0])?.['object'] === 'embedding',
  below: '/embeddings',
  own,
  arrived(line, wireCase) {
    const expected = asFarAsAsked(recordedBody(wireCase, line), line, wireCase)
    const difference = firstDifference(expected, joined(line.received, 'input'), 'request')
    return difference === undefined ? [] : [difference]
  },
  async translated(line, { request }) {
    const { input, dimensions, input_type: purpose } = asMap(request?.body) ?? {}
    const all = asList(typeof input === 'string' || typeof asList(input)[0] === 'number' ? [input] : input)
    return toldByRpc(line, {
      inputs: all.map((one) =>
        typeof one === 'string' ? textOf(one) : { kind: { case: 'tokens', value: { ids: one as number[] } } },
      ),
      ...(typeof dimensions === 'number' && { dimensions }),
      ...(typeof purpose === 'string' && { purpose }),
    })
  },
  arrivedTranslated(line, wireCase) {
    const recorded = recordedBody(wireCase, line)
    const expected = plainly(asFarAsAsked(recorded, line, wireCase))
    const difference = firstDifference(expected, plainly(joined(line.received, 'input')), 'request')
    return difference === undefined ? [] : [difference]
  },
  said,
  ways: waysFor(said),
}
