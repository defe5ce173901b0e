import { randomUUID } from 'node:crypto'
import { connect as connectHttp2, constants } from 'node:http2'
import { Code, ConnectError } from '@connectrpc/connect'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, post } from './client.ts'
import { type FaultyGateway, openGateway, soon } from './gateway.ts'
import { pieces, silence, status } from './upstream.ts'

const first = 'the first of the sound '
const words = [first, 'the second of it ']
const mp3 = 'audio/mpeg'

let gateway: FaultyGateway
beforeAll(async () => {
  const timeouts = { between_events: '300ms', total: '20s' }
  gateway = await openGateway({ config: { timeouts, aliases: { 'any/spare': ['up/mute', 'up/well'] } } })
  const { upstream } = gateway
  upstream.answer('well', pieces(words, 'end', 0, mp3))
  upstream.answer('cut', pieces(words, 'cut', 0, mp3))
  upstream.answer('stuck', pieces([first], 'hang', 0, mp3))
  upstream.answer('silent', silence)
  upstream.answer('mute', pieces([], 'end', 0, mp3))
  upstream.answer('hidden', status(200, { error: { message: 'no such voice', type: 'invalid_request_error' } }))
  upstream.answer('html', status(200, '<p>sound</p>', { 'content-type': 'text/html' }))
  upstream.answer('odd', pieces(words, 'end', 0, 'application/x-evil'))
})
afterAll(async () => gateway[Symbol.asyncDispose]())

const speech = (model: string) => ({ model, input: 'Say it', voice: 'alloy', response_format: 'mp3' })
const ways = [{ path: '/v1/audio/speech' }, { path: '/v1/inference/audio/synthesize' }]

describe.each(ways)('speech at $path', ({ path }) => {
  const asking = (model: string, requestId = randomUUID()) =>
    post(gateway.url + path, speech(model), { 'x-request-id': requestId })

  test('comes as the provider gave it, and is paid by its characters', async () => {
    const requestId = randomUUID()
    const reading = await asking('up/well', requestId).head
    expect([reading.status, reading.headers['content-type']]).toEqual([200, mp3])
    expect(await reading.rest()).toBe(words.join(''))
    expect(reading.complete).toBe(true)
    expect(await gateway.settled(requestId)).toMatchObject([
      { operation: 'synthesize', status: 'ok', characters: 6, output_tokens: 0, cost_nano_usd: null },
    ])
  })

  test('that breaks off is cut, and is no complete answer', async () => {
    const requestId = randomUUID()
    const reading = await asking('up/cut', requestId).head
    expect(await reading.rest()).toBe(words.join(''))
    expect(reading.complete).toBe(false)
    expect(await gateway.settled(requestId)).toMatchObject([{ status: 'error', reason: 'provider_interrupted' }])
  })

  test('that hangs is cut when its timer fires', async () => {
    const requestId = randomUUID()
    const reading = await asking('up/stuck', requestId).head
    expect(await reading.rest()).toBe(first)
    expect(reading.complete).toBe(false)
    expect(await gateway.settled(requestId)).toMatchObject([{ status: 'error', reason: 'timeout' }])
  })

  test.each(['cut', 'silent'])('whose client leaves is given up upstream: %s', async (model) => {
    const name = `${model}-left-${path}`
    gateway.upstream.answer(name, model === 'cut' ? pieces([first], 'hang', 0, mp3) : silence)
    const requestId = randomUUID()
    const asked = asking(`up/${name}`, requestId)
    if (model === 'cut') await (await asked.head).has(first)
    while (gateway.upstream.received(name).length === 0) await new Promise((resolve) => setImmediate(resolve))
    asked.leave()
    await soon(gateway.upstream.received(name)[0]?.left ?? Promise.reject(new Error('never asked')), 'the end')
    expect(await gateway.settled(requestId)).toMatchObject([{ status: 'cancelled', reason: 'client_closed' }])
  })

  test.each([
    ['up/mute', 502],
    ['up/html', 502],
    ['up/hidden', 400],
  ])('of a provider that gives no sound is an error: %s', async (model, code) => {
    const answer = await ask(gateway.url + path, speech(model))
    expect([answer.status, answer.headers['content-type']]).toEqual([code, 'application/json'])
  })

  test('is not called what no sound is called', async () => {
    const answer = await ask(gateway.url + path, speech('up/odd'))
    expect([answer.status, answer.headers['content-type'], answer.text]).toEqual([200, mp3, words.join('')])
  })
})

test('speech that has not begun is asked of the next target', async () => {
  const answer = await ask(`${gateway.url}/v1/audio/speech`, speech('any/spare'))
  expect([answer.status, answer.text]).toEqual([200, words.join('')])
})

test('speech that breaks off over HTTP/2 is a broken stream', async () => {
  const session = connectHttp2(gateway.url)
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/v1/audio/speech',
      'content-type': 'application/json',
    })
    const closed = new Promise((resolve) => stream.once('close', resolve))
    stream.on('error', () => undefined)
    stream.end(JSON.stringify(speech('up/cut')))
    stream.resume()
    await closed
    expect(stream.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR)
  } finally {
    session.destroy()
  }
})

test('speech that breaks off over gRPC ends with an error, and its sound before it', async () => {
  const heard: string[] = []
  const reading = (async () => {
    for await (const { event } of gateway.rpc.synthesize({ model: 'up/cut', input: 'Say it', voice: 'alloy' }))
      heard.push(event.case === 'audio' ? Buffer.from(event.value).toString() : (event.case ?? ''))
  })()
  const error = await reading.then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  )
  expect(error?.code).toBe(Code.Unavailable)
  expect(heard[0]).toBe('started')
  expect(heard.slice(1).join('')).toBe(words.join(''))
})
