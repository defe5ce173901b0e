import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import { GoogleGenAI, type GenerateContentResponse } from '@google/genai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bodyBytes, readCases, streamValues, type WireCase } from '../../../test/wire/case.ts'
import { inOddPieces, inOnePiece, startUpstream, type Upstream } from '../../../test/wire/upstream.ts'
import { type ChatEvent, type ChatResponse, FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import type { Ending, Served } from '../contract.ts'
import { parseBody } from '../json.ts'
import { Fold } from '../../model/collect.ts'
import { geminiClient } from './client.ts'
import { decodeRequest } from './decode-request.ts'
import { AnswerEncoder } from './encode-answer.ts'
import { answerReader } from './reader.ts'

const folder = join(import.meta.dirname, '../../../test/wire/cases')
const cases = ['gemini-generate', 'vertex-gemini-generate'].flatMap((api) => readCases(join(folder, api)))
const named = (list: readonly WireCase[]) => list.map((one) => [one.id, one] as const)
const answered = cases.filter(({ response }) => response.status < 300)

const served: Served = { requestId: 'r', provider: 'p', model: 'm', alias: 'm', elapsed: () => 1 }
const encoded = { body: '', dropped: [] }
const options = geminiClient.defaults

interface Decoded {
  readonly events: ChatEvent[]
  readonly failure?: Ending['failure'] | undefined
}

/** Decodes a recording as the upstream call does, a stream in small pieces. */
function decode({ response }: WireCase, passThrough: boolean): Decoded {
  const decoder = geminiClient.decodeChat({ ...encoded, passThrough }, options, '')
  if (response.sse === undefined) {
    try {
      return { events: decoder.whole(bodyBytes(response).toString()) }
    } catch (failure) {
      return { events: [], failure: failure as Ending['failure'] }
    }
  }
  const reader = answerReader('text/event-stream')
  const messages = [...inOddPieces(response, 7).flatMap((piece) => reader.read(piece)), ...reader.end()]
  const events = messages.flatMap((message) => decoder.event(message))
  const { events: ending, failure } = decoder.end()
  return { events: [...events, ...ending], failure }
}

// ------------------------------------------------------------------------------------------- what the SDK reads

/** What an answer says, however it is told. */
interface Meaning {
  text: string
  thoughts: string
  calls: { name: string; args: unknown }[]
  signatures: string[]
  images: string[]
  others: unknown[]
  tokens: { input: number; output: number; cached: number; thoughts: number } | undefined
}

function nothing(): Meaning {
  return { text: '', thoughts: '', calls: [], signatures: [], images: [], others: [], tokens: undefined }
}

function meaningOfChunks(chunks: readonly GenerateContentResponse[]): Meaning {
  const meaning = nothing()
  for (const { candidates, usageMetadata: usage } of chunks) {
    for (const part of candidates?.[0]?.content?.parts ?? []) {
      const { thoughtSignature, ...rest } = part
      if (thoughtSignature !== undefined) meaning.signatures.push(thoughtSignature)
      if (part.functionCall !== undefined) addCall(meaning, part.functionCall)
      else if (part.inlineData !== undefined && part.thought !== true) meaning.images.push(part.inlineData.data ?? '')
      else if (part.text === undefined) meaning.others.push(rest)
      else if (part.thought === true) meaning.thoughts += part.text
      else meaning.text += part.text
    }
    if (usage?.promptTokenCount === undefined && usage?.totalTokenCount === undefined) continue
    meaning.tokens = {
      input: (usage.promptTokenCount ?? 0) + (usage.toolUsePromptTokenCount ?? 0),
      output: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
      cached: usage.cachedContentTokenCount ?? 0,
      thoughts: usage.thoughtsTokenCount ?? 0,
    }
  }
  return meaning
}

type SdkCall = NonNullable<GenerateContentResponse['functionCalls']>[number]

/** The recorded pieces of arguments are all of top-level strings. */
function addCall({ calls }: Meaning, { name, args, partialArgs, willContinue }: SdkCall): void {
  const last = calls.at(-1)
  if (name !== undefined) calls.push({ name, args: args ?? {} })
  else if (last !== undefined && willContinue === true) {
    const built = last.args as Record<string, string>
    for (const { jsonPath = '', stringValue = '' } of partialArgs ?? []) {
      const key = jsonPath.slice(2)
      built[key] = (built[key] ?? '') + stringValue
    }
  }
}

function meaningOf({ choices, usage }: ChatResponse): Meaning {
  const meaning = nothing()
  for (const { kind } of choices[0]?.message?.parts ?? []) {
    const signature =
      'signature' in (kind.value ?? {}) ? (kind.value as { signature?: { value: string } }).signature : undefined
    if (signature !== undefined) meaning.signatures.push(signature.value)
    if (kind.case === 'text') meaning.text += kind.value.text
    if (kind.case === 'reasoning') meaning.thoughts += kind.value.text
    if (kind.case === 'toolCall')
      meaning.calls.push({ name: kind.value.name, args: JSON.parse(kind.value.argumentsJson) })
    if (kind.case === 'providerPart') meaning.others.push(JSON.parse(kind.value.json))
    if (kind.case === 'image' && kind.value.source.case === 'data')
      meaning.images.push(Buffer.from(kind.value.source.value).toString('base64'))
  }
  if (usage !== undefined) {
    const { inputTokens: input, outputTokens: output, cacheReadTokens: cached, reasoningTokens: thoughts } = usage
    meaning.tokens = { input, output, cached, thoughts }
  }
  return meaning
}

/** The class of an end, from Google's own documentation of its words and numbers. */
function endOf(chunks: readonly GenerateContentResponse[], called: boolean): FinishReason {
  const words = chunks.map(({ candidates }) => candidates?.[0]?.finishReason as string | number | undefined)
  const word = words.findLast((one) => one !== undefined) ?? 'BLOCKED'
  if (['SAFETY', 'RECITATION', 'BLOCKED'].includes(String(word))) return FinishReason.CONTENT_FILTER
  if (word === 'MAX_TOKENS' || word === 2) return FinishReason.LENGTH
  return called ? FinishReason.TOOL_CALLS : FinishReason.STOP
}

describe('the official SDK and the decoder read the same', () => {
  const failing = new Set(['vertex-gemini-generate/firebase--streaming-failure-error-mid-stream'])
  let upstream: Upstream
  beforeAll(async () => {
    upstream = await startUpstream()
  })
  afterAll(() => upstream.close())

  async function bySdk({ response }: WireCase): Promise<GenerateContentResponse[]> {
    // One recording lacks the empty line after its last event, without which the SDK gives up.
    const cut = response.sse?.startsWith('data: {"promptFeedback"') === true
    const ended = cut ? { ...response, sse: `${response.sse ?? ''}\r\n` } : response
    const { baseUrl } = upstream.mount(ended, inOnePiece(ended))
    const { models } = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl } })
    const asked = { model: 'recorded', contents: 'hi' }
    if (response.sse === undefined) return [await models.generateContent(asked)]
    const chunks: GenerateContentResponse[] = []
    for await (const chunk of await models.generateContentStream(asked)) chunks.push(chunk)
    return chunks
  }

  // The SDK asks for server-sent events alone, so it cannot read the array.
  const readable = answered.filter(({ response }) => !Array.isArray(response.body))

  test.each(named(readable.filter(({ id }) => !failing.has(id))))('of %s', async (_id, wireCase) => {
    const chunks = await bySdk(wireCase)
    const { events, failure } = decode(wireCase, false)
    expect(failure).toBeUndefined()
    const fold = new Fold()
    fold.add(events)
    const answer = fold.response()
    const meaning = meaningOfChunks(chunks)
    expect(meaningOf(answer)).toEqual(meaning)
    expect(answer.choices[0]?.finishReason).toBe(endOf(chunks, meaning.calls.length > 0))
    expect(answer.model).toBe(chunks[0]?.modelVersion ?? '')
    expect(answer.id).toBe(chunks.findLast(({ responseId }) => responseId !== undefined)?.responseId ?? '')
  })

  test.each(named(readable.filter(({ id }) => failing.has(id))))('the failure of %s', async (_id, wireCase) => {
    await expect(bySdk(wireCase)).rejects.toThrow()
    const { events, failure } = decode(wireCase, false)
    expect(failure?.reason).toBe('provider_error')
    expect(events.some(({ event }) => event.case === 'finished')).toBe(false)
  })

  test.each(named(cases.filter(({ response }) => response.status >= 400)))('the error of %s', async (_id, wireCase) => {
    const { response } = wireCase
    const header = (name: string): string | undefined => response.headers[name]
    const error = geminiClient.decodeError({ status: response.status, header, text: bodyBytes(response).toString() })
    await expect(bySdk(wireCase)).rejects.toMatchObject({ status: error.status })
    expect(error.message.length).toBeGreaterThan(20)
    if (wireCase.id.includes('retry-info')) expect(error.details.retryAfterSeconds).toBeGreaterThan(0)
  })
})

test('a stream that came as one JSON array is read object by object, in whatever pieces', () => {
  const recorded = cases.find(({ response }) => Array.isArray(response.body))
  const bytes = Buffer.from(JSON.stringify(recorded?.response.body, null, 2))
  const reader = answerReader('application/json; charset=UTF-8')
  const messages = [...bytes].flatMap((byte) => reader.read(Buffer.of(byte)))
  expect([...messages, ...reader.end()].map(({ data }) => JSON.parse(data) as unknown)).toEqual(recorded?.response.body)
})

// -------------------------------------------------------------------------------------------------- both halves

describe('a recorded request', () => {
  const asked = cases.filter(({ request }) => request?.body != null)

  test.each(named(asked))('goes out as it was written: %s', (_id, { request: recorded }) => {
    const text = JSON.stringify(recorded?.body)
    const { body, passThrough } = geminiClient.encodeChat(decodeRequest(parseBody(text, true), 'other'), false, options)
    const { model, ...rest } = JSON.parse(text) as Record<string, unknown>
    expect(passThrough).toBe(true)
    expect(JSON.parse(body)).toEqual(model === undefined ? rest : { ...rest, model: 'models/other' })
  })
})

describe('an upstream of the same dialect is handed through as it wrote', () => {
  test.each(named(answered.filter(({ response }) => response.sse !== undefined)))(
    'the chunks of %s',
    (_id, wireCase) => {
      const recorded = streamValues(wireCase.response.sse ?? '').map(({ value }) => value)
      const { events } = decode(wireCase, true)
      for (const framing of ['events', 'array'] as const) {
        const answer = new AnswerEncoder(framing)
        const text = answer.events(events, served) + answer.end()
        const values =
          framing === 'array' ? (JSON.parse(text) as unknown[]) : streamValues(text).map(({ value }) => value)
        expect(values).toEqual(recorded)
      }
    },
  )

  test.each(named(answered.filter(({ response }) => response.sse === undefined)))('the body of %s', (_id, wireCase) => {
    const fold = new Fold()
    fold.add(decode(wireCase, true).events)
    expect(new AnswerEncoder('events').whole(fold.response(), served)).toBe(
      bodyBytes(wireCase.response).toString().trim(),
    )
  })
})

describe('what is decoded and written again, translated, says the same', () => {
  const complete = answered.filter((wireCase) => decode(wireCase, false).failure === undefined)
  test.each(named(complete))('of %s', (_id, wireCase) => {
    const { events } = decode(wireCase, false)
    const answer = new AnswerEncoder('events')
    const text = answer.events(events, served) + answer.end()
    const again = decode({ ...wireCase, response: { status: 200, headers: {}, sse: text } }, false)
    expect(again.failure).toBeUndefined()
    const [one, other] = [events, again.events].map((list) => {
      const fold = new Fold()
      fold.add(list)
      const response = fold.response()
      return { ...meaningOf(response), reason: response.choices[0]?.finishReason }
    })
    expect(other).toEqual(one)
  })
})

test('the events of another format are not shown to clients, and are no answer', () => {
  const decoder = geminiClient.decodeChat({ dropped: [], passThrough: true }, geminiClient.defaults, '')
  for (const foreign of [{}, { type: 'message_start', message: {} }, { choices: [{ delta: { content: 'hi' } }] }])
    expect(decoder.event({ data: JSON.stringify(foreign) })).toEqual([])
  expect(decoder.end()).toMatchObject({ events: [], failure: { reason: 'provider_interrupted' } })
})

test('a part that holds two things is read as one, and the other is named', () => {
  const call = { functionCall: { name: 'f', args: {} } }
  const answer = { functionResponse: { name: 'f', response: { output: 'x' } }, thoughtSignature: 'AAAA' }
  const contents = [
    { role: 'model', parts: [{ text: 'hm', thought: true, ...call }] },
    { role: 'user', parts: [answer, { text: 'hi' }] },
  ]
  const { source } = decodeRequest(parseBody(JSON.stringify({ contents }), true), 'm')
  expect(source?.untranslated).toEqual([
    'contents[0].parts[0].text',
    'contents[0].parts[0].thought',
    'contents[1].parts[0].thoughtSignature',
  ])
})
