import { join } from 'node:path'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import type { ChatEvent, ChatResponse } from '#gen/switchyard/v1/chat_pb.ts'
import { bodyBytes, readCases, type WireCase } from '../../../test/wire/case.ts'
import { Fold } from '../../model/collect.ts'
import type { ChatDecoder, Served } from '../contract.ts'
import { parseBody } from '../json.ts'
import { sseReader } from '../sse.ts'
import { responsesClient } from './client.ts'
import { decodeRequest } from './decode-request.ts'
import { AnswerEncoder } from './encode-answer.ts'
import type { CreateResponse } from './types.ts'

const cases = readCases(join(import.meta.dirname, '../../../test/wire/cases')).filter(
  ({ api, response }) => api.endsWith('-responses') && (response.sse ?? response.body) !== undefined,
)
/** Recordings that are not an answer: an error, one that waits in a queue, and one of another endpoint. */
const unanswered = new Set([
  'openai-responses/vercel--openai-error-1-stream',
  'openai-responses/pydantic-ai--background-mode-with-tool-vcr-2',
  'openai-responses/pydantic-ai--multimodal-tool-return-matrix-direct-url-force-openai-responses-2',
  'openai-responses/pydantic-ai--openai-responses-compact-with-auto-previous-response-id-1',
])
/** A recording whose pieces spell another text than its end: what was said piece by piece stays said. */
const contradictory = 'openai-responses/vercel--openai-shell-container-1-stream'
const answered = cases.filter(({ id }) => !unanswered.has(id))
const served: Served = { requestId: 'req-1', provider: 'acme', model: 'one', alias: 'acme/one', elapsed: () => 1 }
const asked: CreateResponse = { model: 'one', input: 'Hello' }

function decoder(passThrough = false): ChatDecoder {
  return responsesClient.decodeChat({ dropped: [], passThrough }, responsesClient.defaults, '')
}

/** The events of a recording, its bytes cut into pieces of `size`. */
function decode({ response }: WireCase, passThrough = false, size = 1 << 20): ChatEvent[] {
  const decoding = decoder(passThrough)
  const bytes = bodyBytes(response)
  if (response.sse === undefined) return decoding.whole(bytes.toString())
  const reader = sseReader()
  const events: ChatEvent[] = []
  for (let at = 0; at < bytes.length; at += size) {
    for (const message of reader.read(bytes.subarray(at, at + size)))
      if (!decoding.complete) events.push(...decoding.event(message))
  }
  for (const message of reader.end()) if (!decoding.complete) events.push(...decoding.event(message))
  const { events: ending, failure } = decoding.end()
  if (failure !== undefined) throw failure
  return [...events, ...ending]
}

function folded(events: readonly ChatEvent[]): ChatResponse {
  const fold = new Fold()
  fold.add(events)
  return fold.response()
}

function clientOf(text: string | Uint8Array<ArrayBuffer>, type: string): OpenAI {
  const answer = async (): Promise<Response> => new Response(text, { headers: { 'content-type': type } })
  return new OpenAI({ apiKey: 'none', baseURL: 'http://127.0.0.1/v1', fetch: answer, maxRetries: 0 })
}

type SdkResponse = OpenAI.Responses.Response

/**
 * What OpenAI's own SDK reads from an answer. Of a stream, the items as they were done: its end may list none of them, and has
 * other sealed contents than those that are to be sent back.
 */
async function sdkReads(
  text: string | Uint8Array<ArrayBuffer>,
  streaming: boolean,
): Promise<Pick<SdkResponse, 'id' | 'model' | 'output' | 'status' | 'usage'>> {
  const client = clientOf(text, streaming ? 'text/event-stream' : 'application/json')
  if (!streaming) return client.responses.create({ model: 'one', input: 'Hello' })
  const items: OpenAI.Responses.ResponseOutputItem[] = []
  let last: SdkResponse | undefined
  for await (const event of await client.responses.create({ model: 'one', input: 'Hello', stream: true })) {
    if (event.type === 'response.output_item.done') items[event.output_index] = event.item
    if (event.type === 'response.completed' || event.type === 'response.incomplete') last = event.response
  }
  if (last === undefined) throw new Error('the SDK read no end')
  const { output } = last
  for (const [index, item] of output.entries()) items[index] ??= item
  return { ...last, output: items }
}

/** What an answer says, in the order it says it. */
interface Meaning {
  readonly text: string
  readonly refusal: string
  readonly reasoning: readonly string[]
  readonly sealed: readonly string[]
  readonly calls: readonly unknown[]
  readonly own: readonly unknown[]
  readonly notes: readonly unknown[]
  readonly tokens: readonly string[]
  readonly usage: unknown
}

/** Items that the provider worked on at once are done in another order than they were begun. */
function inOrder<Item extends { readonly id?: string | null }>(items: readonly Item[]): Item[] {
  return items.toSorted((one, other) => (one.id ?? '').localeCompare(other.id ?? ''))
}

function sdkMeaning({ output, usage }: Awaited<ReturnType<typeof sdkReads>>): Meaning {
  const contents = output.flatMap((item) => (item.type === 'message' ? item.content : []))
  const texts = contents.flatMap((content) => (content.type === 'output_text' ? [content] : []))
  const thoughts = output.flatMap((item) => (item.type === 'reasoning' ? [item] : []))
  const known = new Set(['message', 'reasoning', 'function_call', 'custom_tool_call'])
  const { output_tokens: written = 0, output_tokens_details: made } = usage ?? {}
  const thought = made?.reasoning_tokens ?? 0
  return {
    text: texts.map(({ text }) => text).join(''),
    refusal: contents.map((content) => (content.type === 'refusal' ? content.refusal : '')).join(''),
    reasoning: thoughts
      .map(({ summary, content }) => [...summary, ...(content ?? [])].map(({ text }) => text).join('\n\n'))
      .filter((text) => text !== ''),
    sealed: thoughts.flatMap(({ encrypted_content: sealed }) => (sealed == null ? [] : [sealed])),
    calls: output.flatMap((item) => {
      if (item.type === 'function_call') return [[item.call_id, item.name, item.arguments, false]]
      return item.type === 'custom_tool_call' ? [[item.call_id, item.name, item.input, true]] : []
    }),
    own: inOrder(output.filter(({ type }) => !known.has(type))),
    notes: texts.flatMap(({ annotations }) =>
      annotations.map((note) =>
        note.type === 'url_citation' ? [note.url, note.title, note.start_index, note.end_index] : [note.type],
      ),
    ),
    tokens: texts.flatMap(({ logprobs }) => (logprobs ?? []).map(({ token }) => token)),
    usage: usage && {
      input: usage.input_tokens,
      output: written < 0 ? thought : written,
      cached: usage.input_tokens_details?.cached_tokens ?? 0,
      reasoning: thought,
    },
  }
}

function meaning({ choices, usage }: ChatResponse): Meaning {
  const kinds = (choices[0]?.message?.parts ?? []).map(({ kind }) => kind)
  const texts = kinds.flatMap((kind) => (kind.case === 'text' ? [kind.value] : []))
  const thoughts = kinds.flatMap((kind) => (kind.case === 'reasoning' ? [kind.value] : []))
  return {
    text: texts.map(({ text }) => text).join(''),
    refusal: kinds.map((kind) => (kind.case === 'refusal' ? kind.value.text : '')).join(''),
    reasoning: thoughts.map(({ text }) => text).filter((text) => text !== ''),
    sealed: thoughts.flatMap(({ signature }) => (signature === undefined ? [] : [signature.value])),
    calls: kinds.flatMap((kind) => {
      if (kind.case !== 'toolCall') return []
      const { id, name, argumentsJson, custom } = kind.value
      return [[id, name, argumentsJson, custom]]
    }),
    own: inOrder(
      kinds.flatMap((kind) => (kind.case === 'providerPart' ? [JSON.parse(kind.value.json) as { id?: string }] : [])),
    ),
    notes: texts.flatMap(({ annotations }) =>
      annotations.map(({ type, url, title, startIndex, endIndex }) =>
        type === 'url_citation' ? [url, title, startIndex, endIndex] : [type],
      ),
    ),
    tokens: (choices[0]?.logprobs?.content ?? []).map(({ token }) => token),
    usage: usage && {
      input: usage.inputTokens,
      output: usage.outputTokens,
      cached: usage.cacheReadTokens,
      reasoning: usage.reasoningTokens,
    },
  }
}

describe.each(answered)('$id', (wireCase) => {
  const { response } = wireCase
  const streaming = response.sse !== undefined

  const sdkTest = (body: () => Promise<void>): void => {
    if (wireCase.id !== contradictory) test("means what the vendor's own SDK reads from the same bytes", body)
  }

  sdkTest(async () => {
    const read = await sdkReads(new Uint8Array(bodyBytes(response)), streaming)
    const told = folded(decode(wireCase))
    expect(meaning(told)).toEqual(sdkMeaning(read))
    expect([told.id, told.model]).toEqual([read.id, read.model])
  })

  test('means the same however its bytes arrive', () => {
    expect(folded(decode(wireCase, false, 7))).toEqual(folded(decode(wireCase)))
  })

  test('reaches a client of the same format as it was', () => {
    const events = decode(wireCase, true)
    const answer = new AnswerEncoder(asked)
    if (!streaming) {
      expect(answer.whole(folded(events), served)).toBe(bodyBytes(response).toString().trim())
      return
    }
    const text = events.map((event) => answer.events([event], served)).join('') + answer.end()
    const upstream = sseReader().read(bodyBytes(response))
    const values = upstream.flatMap(({ data }) => (data === '[DONE]' ? [] : [data]))
    const frames = sseReader().read(Buffer.from(text))
    expect(frames.map(({ data }) => data)).toEqual(values)
    expect(frames.map(({ event }) => event)).toEqual(
      values.map((value) => (JSON.parse(value) as { type: string }).type),
    )
  })

  test.each([true, false])('is said again, translated, with the same meaning (stream: %s)', async (again) => {
    const events = decode(wireCase)
    const told = folded(events)
    const answer = new AnswerEncoder(asked)
    const text = again
      ? events.map((event) => answer.events([event], served)).join('') + answer.end()
      : answer.whole(told, served)
    const read = await sdkReads(text, again)
    expect(sdkMeaning(read)).toEqual(meaning(told))
    expect(read.status).toBe(told.choices[0]?.upstreamReason === 'max_output_tokens' ? 'incomplete' : 'completed')
  })
})

// ------------------------------------------------------------------------------------------------------------ requests

type Json = Record<string, unknown>

const requests = cases.flatMap(({ id, request }) => {
  const body = request?.body
  if (body === null || typeof body !== 'object' || Array.isArray(body)) return []
  const { previous_response_id: earlier, background, input } = body as Json
  return earlier != null || background === true || input === undefined ? [] : [{ id, body: body as Json }]
})

test('there are recorded answers and requests to read', () => {
  expect([answered.length, requests.length]).toEqual([32, 28])
})

describe.each(requests)('the request of $id', ({ body }) => {
  test('goes out as it came, but for the model', () => {
    const { request, streaming } = decodeRequest(parseBody(JSON.stringify(body), true))
    request.model = 'another'
    const encoded = responsesClient.encodeChat(request, streaming, responsesClient.defaults)
    expect(encoded).toMatchObject({ passThrough: true, dropped: [] })
    expect(JSON.parse(encoded.body)).toEqual({ ...body, model: 'another' })
  })
})
