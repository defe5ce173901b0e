import Anthropic from '@anthropic-ai/sdk'
import { partialParse } from '@anthropic-ai/sdk/_vendor/partial-json-parser/parser.mjs'
import { describe, expect, test } from 'vitest'
import { asMap, bodyBytes, readCases, streamValues, type WireCase } from '../../../test/wire/case.ts'
import { type ChatEvent, FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { Fold } from '../../model/collect.ts'
import type { JsonBody, Served, SseMessage } from '../contract.ts'
import { parseBody } from '../json.ts'
import { sseReader } from '../sse.ts'
import { anthropicClient } from './client.ts'
import { decodeCount, decodeRequest } from './decode-request.ts'
import { AnswerEncoder } from './encode-answer.ts'
import { anthropicServer } from './server.ts'

const folders = ['anthropic-messages', 'azure-anthropic-messages', 'vertex-anthropic-messages']
const casesOf = (api: string): WireCase[] => readCases(`${import.meta.dirname}/../../../test/wire/cases/${api}`)
const cases = folders.flatMap(casesOf)
const counts = casesOf('anthropic-count-tokens')
const answers = cases.filter(({ response }) => response.status === 200)
const served: Served = { requestId: 'r', provider: 'p', model: 'm', alias: 'm', elapsed: () => 0 }
const byId = ({ id }: WireCase): string => id

/** A client of the vendor's own that is answered with these bytes. */
function reader(body: string, contentType: string): Anthropic {
  const fetch = (): Promise<Response> =>
    Promise.resolve(new Response(body, { headers: { 'content-type': contentType } }))
  return new Anthropic({ apiKey: 'none', maxRetries: 0, baseURL: 'http://127.0.0.1:1', fetch })
}

const asked = { model: 'm', max_tokens: 1, messages: [{ role: 'user' as const, content: '?' }] }

/** What the official SDK reads from an answer: as a stream, or whole. */
async function official(body: string, streamed: boolean): Promise<unknown> {
  if (!streamed) return reader(body, 'application/json').messages.create(asked)
  // Some recordings lack the empty line that ends the last event, without which the SDK does not read it.
  const client = reader(`${body}\n\n`, 'text/event-stream')
  // Only the beta half of the SDK knows what a compaction is.
  if (body.includes('compaction_delta')) return client.beta.messages.stream(asked).finalMessage()
  return client.messages.stream(asked).finalMessage()
}

/** The recorded answer as the events it decodes to, read in small pieces. */
function decode(bytes: Uint8Array, streamed: boolean, passThrough: boolean): ChatEvent[] {
  const encoded = { body: '', dropped: [], passThrough }
  const decoder = anthropicClient.decodeChat(encoded, anthropicClient.defaults, '')
  if (!streamed) return decoder.whole(new TextDecoder().decode(bytes))
  const sse = sseReader()
  const read = (messages: readonly SseMessage[]): ChatEvent[] => messages.flatMap((message) => decoder.event(message))
  const events: ChatEvent[] = []
  for (let at = 0; at < bytes.length; at += 61) events.push(...read(sse.read(bytes.subarray(at, at + 61))))
  events.push(...read(sse.end()))
  const { events: rest, failure } = decoder.end()
  expect(failure).toBeUndefined()
  return [...events, ...rest]
}

function folded(events: readonly ChatEvent[]) {
  const fold = new Fold()
  fold.add(events)
  return fold.response()
}

interface Block {
  [key: string]: unknown
  type: string
  text?: string
  citations?: unknown[] | null
}

/**
 * What of a message has to survive: its blocks, but for the borders between texts that follow each other, its end, and its numbers.
 * That a tool was called by the model itself is what every call says that says nothing. An input that was cut is what the SDK makes
 * of it.
 */
function essence(given: unknown) {
  const message = given as {
    id: string
    model: string
    content: Block[]
    stop_reason: string
    stop_sequence: string | null
    usage: Record<string, unknown>
  }
  const content: Block[] = []
  for (const { ...block } of message.content) {
    const caller = block['caller'] as { type?: string } | undefined
    if (block.type === 'tool_use' && caller?.type === 'direct') delete block['caller']
    const cut = (block['input'] as { INVALID_JSON?: unknown } | undefined)?.INVALID_JSON
    if (typeof cut === 'string') block['input'] = partialParse(cut)
    const last = content.at(-1)
    if (block.type !== 'text') content.push(block)
    else if (last?.type === 'text') {
      last.text = (last.text ?? '') + (block.text ?? '')
      last.citations = [...(last.citations ?? []), ...(block.citations ?? [])]
    } else if (block.text !== '')
      content.push({ type: 'text', text: block.text ?? '', citations: block.citations ?? [] })
  }
  const number = (key: string): unknown => message.usage[key] ?? 0
  return {
    id: message.id,
    model: message.model,
    content,
    stop_reason: message.stop_reason,
    stop_sequence: message.stop_sequence ?? null,
    usage: ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].map(number),
  }
}

describe('a recorded answer', () => {
  test.for(answers.map((one) => [byId(one), one] as const))('%s says what the official SDK reads', async ([, one]) => {
    const streamed = one.response.sse !== undefined
    const bytes = bodyBytes(one.response)
    const expected = essence(await official(bytes.toString(), streamed))
    const response = folded(decode(bytes, streamed, false))
    expect(essence(JSON.parse(new AnswerEncoder().whole(response, served)))).toEqual(expected)

    const [input, output, read, written] = expected.usage as [number, number, number, number]
    expect(response.usage).toMatchObject({
      inputTokens: input + read + written,
      outputTokens: output,
      cacheReadTokens: read,
    })
    const texts = response.choices[0]?.message?.parts.map(({ kind }) => (kind.case === 'text' ? kind.value.text : ''))
    const textsRead = expected.content.map((block) => (block.type === 'text' ? block.text : ''))
    expect(texts?.join('')).toBe(textsRead.join(''))
    expect(response.choices[0]?.upstreamReason).toBe(expected.stop_reason)
  })

  test.for(answers.map((one) => [byId(one), one] as const))(
    '%s is the same when it is streamed anew',
    async ([, one]) => {
      const streamed = one.response.sse !== undefined
      const bytes = bodyBytes(one.response)
      const encoder = new AnswerEncoder()
      const again = encoder.events(decode(bytes, streamed, false), served) + encoder.end()
      const expected = essence(await official(bytes.toString(), streamed))
      expect(essence(await official(again, true))).toEqual(expected)
    },
  )

  test.for(answers.map((one) => [byId(one), one] as const))('%s is handed through as it was', ([, one]) => {
    const streamed = one.response.sse !== undefined
    const bytes = bodyBytes(one.response)
    const events = decode(bytes, streamed, true)
    const encoder = new AnswerEncoder()
    if (streamed) {
      const again = encoder.events(events, served) + encoder.end()
      expect(streamValues(again)).toEqual(streamValues(bytes.toString()))
    } else expect(encoder.whole(folded(events), served)).toBe(bytes.toString().trim())
  })

  test('that was cut is a failure wherever it is cut, of which nobody told the output', () => {
    for (const { response } of answers) {
      if (response.sse === undefined) continue
      const end = response.sse.indexOf('event: message_delta')
      for (const share of end < 0 ? [] : [0.1, 0.5, 0.9, 1]) {
        const encoded = { body: '', dropped: [], passThrough: false }
        const decoder = anthropicClient.decodeChat(encoded, anthropicClient.defaults, '')
        const sse = sseReader()
        const bytes = new TextEncoder().encode(response.sse.slice(0, Math.floor(end * share)))
        for (const message of [...sse.read(bytes), ...sse.end()]) decoder.event(message)
        const { events, failure } = decoder.end()
        expect(failure?.reason).toMatch(/^provider_(interrupted|error)$/)
        for (const { event } of events) expect(event).toMatchObject({ case: 'usage', value: { outputUnknown: true } })
      }
    }
  })

  test('may say its start twice, but not begin again as another one', () => {
    const start = (id: string): object => ({ type: 'message_start', message: { id, content: [] } })
    const read = (...sent: readonly object[]) => {
      const encoded = { body: '', dropped: [], passThrough: false }
      const decoder = anthropicClient.decodeChat(encoded, anthropicClient.defaults, '')
      for (const event of sent) decoder.event({ event: undefined, data: JSON.stringify(event) })
      return decoder.end().failure?.reason
    }
    const end = [{ type: 'message_delta', delta: { stop_reason: 'end_turn' } }, { type: 'message_stop' }]
    expect(read(start('a'), start('a'), ...end)).toBeUndefined()
    expect(read(start('a'), start('b'), ...end)).toBe('provider_interrupted')
  })

  test('that is an error keeps what the caller can act on, and hides the key that was refused', () => {
    const reasons = cases
      .filter(({ response }) => response.status !== 200)
      .map(({ response }) => {
        const { status, headers } = response
        const error = anthropicClient.decodeError({
          status,
          header: (name) => headers[name],
          text: bodyBytes(response).toString(),
        })
        return [status, error.reason, error.message]
      })
    expect(reasons).toEqual([
      [401, 'provider_credential', "the provider refused the gateway's credential"],
      [400, 'invalid_request', "output_format.schema: For 'integer' type, property 'minimum' is not supported"],
      [404, 'not_found', 'model: claude-3-sonnet-20240229'],
    ])
  })
})

function jsonBody(value: object): JsonBody {
  return parseBody(JSON.stringify(value), true)
}

describe('a recorded request', () => {
  const requests = [...cases, ...counts].flatMap((one) => {
    const body = asMap(one.request?.body)
    return body === undefined ? [] : [[one.id, { model: 'claude-haiku-4-5', ...body }] as const]
  })
  const facts = { header: () => undefined }

  test.for(requests)('%s goes out as it was written, but for the model', ([id, value]) => {
    const body = jsonBody(value)
    const request = id.startsWith('anthropic-count-tokens/')
      ? decodeCount(body, facts)
      : decodeRequest(body, facts).request
    const { body: again } = anthropicClient.encodeChat({ ...request, model: 'other' }, false, anthropicClient.defaults)
    expect(JSON.parse(again)).toEqual({ ...value, model: 'other' })
  })

  test('names what it cannot carry to another vendor', () => {
    const lost = requests
      .filter(([id]) => !id.startsWith('anthropic-count-tokens/'))
      .map(([, value]) => {
        return decodeRequest(jsonBody(value), facts).request.source?.untranslated ?? []
      })
    expect(new Set(lost.flat())).toEqual(
      new Set(['anthropic_version', 'cache_control', 'context_management', 'mcp_servers', 'thinking.display']),
    )
  })
})

describe('a recorded count', () => {
  test.for(counts.map((one) => [byId(one), one] as const))('%s is the number the upstream gave', async ([, one]) => {
    const text = bodyBytes(one.response).toString()
    const { input_tokens: expected } = await reader(text, 'application/json').messages.countTokens(asked)
    expect(anthropicClient.count?.decodeCount(text)).toBe(expected)
    const answer = {
      $typeName: 'switchyard.v1.CountTokensResponse' as const,
      inputTokens: expected,
      estimated: false,
      dropped: [],
    }
    expect(anthropicServer.counts?.[0]?.encode(answer)).toBe(JSON.stringify(one.response.body))
  })
})

test('a word for the end that is not known is not taken for a normal one', () => {
  const paused = cases.find(({ id }) => id.includes('pause-turn'))
  const response = folded(decode(bodyBytes(paused?.response ?? { status: 0, headers: {} }), true, false))
  expect(response.choices[0]).toMatchObject({ finishReason: FinishReason.OTHER, upstreamReason: 'pause_turn' })
})
