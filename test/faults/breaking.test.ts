import { randomUUID } from 'node:crypto'
import { Code, ConnectError } from '@connectrpc/connect'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { ask, post } from './client.ts'
import { type FaultyGateway, openGateway } from './gateway.ts'
import { consumed, delta, frame, frames, framesToFinish, pieces, said, status, well, whole, words } from './upstream.ts'
import { ways } from './ways.ts'

let gateway: FaultyGateway
beforeAll(async () => {
  gateway = await openGateway({ config: { aliases: { 'any/spare': ['up/broken', 'up/well'] } } })
  gateway.upstream.answer('well', well)
})
afterAll(async () => gateway[Symbol.asyncDispose]())

const reported = { input_tokens: consumed.prompt_tokens, output_tokens: consumed.completion_tokens }
const nothing = { input_tokens: 0, output_tokens: 0 }
const saidBy = (count: number): string => words.slice(0, count).join('')
/** What the log says was consumed when the upstream got so far: what it reported, else an estimate of what it said. */
const consumedBy = (count: number): object => {
  if (count === 0) return nothing
  if (count > framesToFinish) return reported
  return { estimated: true, output_tokens: Math.ceil(saidBy(count).length / 4) }
}

/** Asks over gRPC and gives what was said until the end, and how it ended. */
async function byRpc(model: string): Promise<{ text: string; requestId: string; error: ConnectError | undefined }> {
  const requestId = randomUUID()
  const parts = [{ kind: { case: 'text' as const, value: { text: 'count to four' } } }]
  const asked = { model, messages: [{ role: Role.USER, parts }] }
  let text = ''
  try {
    for await (const { event } of gateway.rpc.streamChat(asked, { headers: { 'x-request-id': requestId } })) {
      if (event.case === 'textDelta') text += event.value.text
    }
    return { text, requestId, error: undefined }
  } catch (thrown) {
    return { text, requestId, error: ConnectError.from(thrown) }
  }
}

function reasonOf(error: ConnectError | undefined): string | undefined {
  return error?.findDetails(ErrorInfoSchema)[0]?.reason
}

/** Every place a stream can be cut: the frames that arrive whole, and how the next one arrives. */
const cuts = frames.flatMap((next, count) => [
  { count, where: 'before', sent: frames.slice(0, count) },
  { count, where: 'in the middle of', sent: [...frames.slice(0, count), halfOf(next)] },
  { count, where: 'one byte before the end of', sent: [...frames.slice(0, count), next.slice(0, -1)] },
])

function halfOf(text: string): string {
  return text.slice(0, text.length / 2)
}

describe.each(ways)('an upstream that breaks, by $name', (way) => {
  const url = (streaming: boolean): string => gateway.url + way.path(streaming)

  /** Asks for a stream and checks that nobody could take it for one that stopped. */
  async function expectFailure(count: number, reason: string): Promise<void> {
    const requestId = randomUUID()
    const answer = await post(url(true), way.body('up/broken', true), { 'x-request-id': requestId }).head
    const text = await answer.rest()
    if (count === 0) expect([answer.status, way.code(text)]).toEqual([502, way.codeOf(reason)])
    else {
      expect([answer.status, way.said(text), way.failure(text)?.code]).toEqual([200, saidBy(count), way.codeOf(reason)])
      expect(way.stopped(text)).toBe(false)
    }
    expect(await gateway.settled(requestId)).toEqual([
      expect.objectContaining({ status: 'error', reason, provider: 'up', model: 'broken', ...consumedBy(count) }),
    ])
  }

  test.each(cuts)('$where frame $count is no normal stop, and is paid for once', async ({ count, sent }) => {
    gateway.upstream.answer('broken', pieces(sent, 'cut'))
    await expectFailure(count, 'provider_interrupted')
  })

  test.each(Array.from({ length: framesToFinish }, (_, count) => count))(
    'that ends its stream politely after %i frames is no normal stop either',
    async (count) => {
      gateway.upstream.answer('broken', pieces(frames.slice(0, count), 'end'))
      await expectFailure(count, 'provider_interrupted')
    },
  )

  test.each([
    ['half an object', 'data: {"choices":[{"del\n\n'],
    ['no JSON', 'data: upstream connect error or disconnect/reset before headers\n\n'],
    ['a number', 'data: 17\n\n'],
    ['an empty list', 'data: []\n\n'],
    ['a choice that is none', frame({ choices: [null] })],
    ['choices that are none', frame({ choices: 7 })],
    ['a delta that is none', frame({ choices: [{ index: 0, delta: { tool_calls: 4 } }] })],
  ])('by garbage in the middle, %s, is no normal stop', async (_, garbage) => {
    gateway.upstream.answer('broken', pieces([...frames.slice(0, 2), garbage, ...frames.slice(2)], 'end'))
    await expectFailure(2, garbage.includes('chatcmpl') ? 'provider_error' : 'provider_interrupted')
  })

  test.each([
    ['cut', 'provider_interrupted'],
    ['end', 'provider_error'],
  ] as const)('in the middle of a whole answer (%s) is an error that costs nothing', async (after, reason) => {
    gateway.upstream.answer('broken', pieces([halfOf(JSON.stringify(whole))], after, 0, 'application/json'))
    const answer = await ask(url(false), way.body('up/broken', false))
    expect([answer.status, way.code(answer.text)]).toEqual([502, way.codeOf(reason)])
    expect(await gateway.settled(String(answer.headers['x-request-id']))).toEqual([
      expect.objectContaining({ status: 'error', reason, ...nothing }),
    ])
  })

  test('is a normal stop when only the words after the last one are missing', async () => {
    gateway.upstream.answer('broken', pieces(frames.slice(0, framesToFinish), 'end'))
    const text = await (await post(url(true), way.body('up/broken', true)).head).rest()
    expect([way.said(text), way.failure(text), way.stopped(text)]).toEqual([said, undefined, true])
  })
})

describe('an upstream that breaks, by gRPC', () => {
  test.each(cuts)('$where frame $count is UNAVAILABLE, and is paid for once', async ({ count, sent }) => {
    gateway.upstream.answer('broken', pieces(sent, 'cut'))
    const { text, requestId, error } = await byRpc('up/broken')
    expect([text, error?.code, reasonOf(error)]).toEqual([saidBy(count), Code.Unavailable, 'provider_interrupted'])
    expect(await gateway.settled(requestId)).toEqual([
      expect.objectContaining({ status: 'error', reason: 'provider_interrupted', ...consumedBy(count) }),
    ])
  })
})

/** Errors as upstreams hide them in a success, and what each of them means. */
const hidden = [
  { body: { error: { message: 'slow down', type: 'rate_limit_error' } }, httpStatus: 429, reason: 'rate_limited' },
  { body: { error: { message: 'busy', code: 503 } }, httpStatus: 503, reason: 'provider_unavailable' },
  { body: { error: { message: 'busy', type: 'overloaded_error' } }, httpStatus: 503, reason: 'provider_unavailable' },
  { body: { error: { message: 'who?', code: '401' } }, httpStatus: 502, reason: 'provider_credential' },
  { body: { error: 'no more memory' }, httpStatus: 502, reason: 'provider_error' },
  { body: { error: { message: 'none', type: 'not_found_error' } }, httpStatus: 404, reason: 'not_found' },
  {
    body: { error: { message: 'busy', code: 503 }, choices: [], usage: consumed },
    httpStatus: 503,
    reason: 'provider_unavailable',
  },
  {
    body: {
      id: 'gen-1',
      error: { message: 'slow', code: 429 },
      choices: [{ index: 0, delta: { content: '' }, message: { content: '' }, finish_reason: 'error' }],
    },
    httpStatus: 429,
    reason: 'rate_limited',
  },
]

describe.each(ways)('an error inside a success, by $name', (way) => {
  const url = (streaming: boolean): string => gateway.url + way.path(streaming)
  const hide = (body: object, streaming: boolean, name = ''): void =>
    gateway.upstream.answer(
      'broken',
      streaming ? pieces([`${name}data: ${JSON.stringify(body)}\n\n`, 'data: [DONE]\n\n'], 'end') : status(200, body),
    )

  test.each(hidden)('is that error and costs nothing: $body', async ({ body, httpStatus, reason }) => {
    for (const streaming of [false, true]) {
      hide(body, streaming)
      const answer = await ask(url(streaming), way.body('up/broken', streaming))
      expect([streaming, answer.status, way.code(answer.text)]).toEqual([streaming, httpStatus, way.codeOf(reason)])
      expect(await gateway.settled(String(answer.headers['x-request-id']))).toEqual([
        expect.objectContaining({ status: 'error', reason, http_status: httpStatus, ...nothing }),
      ])
    }
  })

  test.each(hidden)('goes to the next target of an alias: $body', async ({ body, reason }) => {
    for (const streaming of [false, true]) {
      hide(body, streaming)
      const answer = await ask(url(streaming), way.body('any/spare', streaming))
      expect(answer.status).toBe(200)
      expect(answer.text).toContain('four')
      expect(await gateway.settled(String(answer.headers['x-request-id']))).toEqual([
        expect.objectContaining({ status: 'ok', model: 'well', tries: [`up: ${reason}`, 'up: ok'], ...reported }),
      ])
    }
  })

  test('in an event named error is that error too', async () => {
    hide({ message: 'busy', type: 'overloaded_error' }, true, 'event: error\n')
    const answer = await ask(url(true), way.body('up/broken', true))
    expect([answer.status, way.code(answer.text)]).toEqual([503, way.codeOf('provider_unavailable')])
  })

  test("that is the caller's own is not asked of the next target", async () => {
    hide({ error: { message: 'messages: too many', type: 'invalid_request_error' } }, false)
    const answer = await ask(url(false), way.body('any/spare', false))
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('messages: too many')])
  })

  test('after the first event ends the stream with that error', async () => {
    const error = `data: ${JSON.stringify({ error: { message: 'busy', code: 503 } })}\n\n`
    gateway.upstream.answer('broken', pieces([delta('one '), error, 'data: [DONE]\n\n'], 'end'))
    const answer = await ask(url(true), way.body('any/spare', true))
    expect([answer.status, way.said(answer.text)]).toEqual([200, 'one '])
    expect(way.failure(answer.text)?.code).toBe(way.codeOf('provider_unavailable'))
    expect(way.stopped(answer.text)).toBe(false)
  })
})

test('every request of this file was recorded once', () => {
  const ids = gateway.allSettled().map((line) => line['request_id'])
  expect(new Set(ids).size).toBe(ids.length)
})
