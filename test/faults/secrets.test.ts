import { randomUUID } from 'node:crypto'
import { ConnectError } from '@connectrpc/connect'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { ask, post } from './client.ts'
import { canary, type FaultyGateway, openGateway } from './gateway.ts'
import { type Answer, delta, pieces, status, well } from './upstream.ts'
import { ways } from './ways.ts'

let gateway: FaultyGateway
beforeAll(async () => {
  gateway = await openGateway({ config: { aliases: { 'any/spare': ['up/leak', 'up/well'] } } })
  gateway.upstream.answer('well', well)
})
afterAll(async () => gateway[Symbol.asyncDispose]())

/** Everything that an upstream may blurt out and nobody may see. */
const others = 'sk-proj-Zm9vYmFyYmF6cXV4'
const internal = 'vault.internal'
const address = '10.1.2.3:8443'
const hidden = (): string[] => [canary, gateway.upstream.authority, others, internal, address]
const blurt = (): string =>
  `bad key ${canary} (Bearer ${canary}) at ${gateway.upstream.url}/chat/completions, see https://${internal}/x?k=${canary}; ` +
  `pool ${address} and ${gateway.upstream.authority}; also ${others}`

/** The key where a message is cut because it is too long. */
const atTheCut = (): string => `${'x '.repeat(985)}the key is ${canary}`

const bodies: readonly (readonly [string, () => object | string])[] = [
  ['in the message', () => ({ error: { message: blurt(), type: 'invalid_request_error', code: null, param: null } })],
  ['in the code', () => ({ error: { message: 'no', type: 'invalid_request_error', code: canary, param: 'model' } })],
  ['in the type', () => ({ error: { message: 'no', type: canary, code: 'x', param: 'model' } })],
  ['in the param', () => ({ error: { message: 'no', type: 'invalid_request_error', param: `headers.${canary}` } })],
  ['where the message is cut', () => ({ error: { message: atTheCut(), type: 'invalid_request_error' } })],
  ['as the whole error', () => ({ error: blurt() })],
  ['as a detail', () => ({ detail: [{ msg: blurt() }] })],
  ['as plain text', () => blurt()],
  ['as a page', () => `<html><body>${blurt()}</body></html>`],
]
const statuses = [400, 401, 403, 404, 409, 422, 429, 500, 503]

function expectClean(...texts: string[]): void {
  for (const text of texts) {
    for (const secret of hidden()) expect(text).not.toContain(secret)
    // Half a key is a leak too.
    expect(text).not.toContain(canary.slice(0, 12))
  }
}

/** Asks in every way there is, whole and streamed, and gives all that came back. */
async function askEverywhere(model: string): Promise<string[]> {
  const texts: string[] = []
  for (const way of ways) {
    for (const streaming of [false, true]) {
      const { text, headers } = await ask(gateway.url + way.path(streaming), way.body(model, streaming))
      texts.push(text, JSON.stringify(headers))
    }
  }
  const parts = [{ kind: { case: 'text' as const, value: { text: 'hello' } } }]
  const asked = { model, messages: [{ role: Role.USER, parts }] }
  const error = await gateway.rpc.chat(asked).then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  )
  if (error !== undefined) texts.push(error.message, JSON.stringify(error.details), JSON.stringify([...error.metadata]))
  return texts
}

describe("an upstream that tells the gateway's secrets", () => {
  const cases = bodies.flatMap(([where, body]) => statuses.map((code) => ({ where, body, code })))

  test.each(cases)('$where of a $code is not passed on', async ({ body, code }) => {
    gateway.upstream.answer('leak', status(code, body()))
    const texts = await askEverywhere('up/leak')
    expectClean(...texts)
  })

  const successes: readonly (readonly [string, () => Answer])[] = [
    [
      'a success',
      () => (response, request) => {
        const error = { error: { message: blurt(), code: canary, param: canary } }
        const event = `data: ${JSON.stringify(error)}\n\n`
        return request.streaming ? pieces([event], 'end')(response, request) : status(200, error)(response, request)
      },
    ],
    ['an event named error', () => pieces([`event: error\ndata: ${JSON.stringify({ message: blurt() })}\n\n`], 'end')],
    [
      'the middle of a stream',
      () => {
        const error = {
          error: { message: `${blurt()} ${atTheCut()}`, type: 'invalid_request_error', code: canary, param: canary },
        }
        return pieces([delta('one '), `data: ${JSON.stringify(error)}\n\n`], 'end')
      },
    ],
  ]
  test.each(successes)('in %s is not passed on', async (_, answer) => {
    gateway.upstream.answer('leak', answer())
    expectClean(...(await askEverywhere('up/leak')))
  })

  test('is not told on by a fallback either', async () => {
    gateway.upstream.answer('leak', status(401, { error: { message: blurt() } }))
    const { status: code, text } = await ask(
      `${gateway.url}/v1/chat/completions`,
      ways[0]?.body('any/spare', false) ?? {},
    )
    expect(code).toBe(200)
    expectClean(text)
  })

  test('still tells the caller what is wrong with the request', async () => {
    const message = `messages[3].content: is too long (${canary}), at most 5 words`
    gateway.upstream.answer(
      'leak',
      status(400, { error: { message, code: 'context_length_exceeded', param: 'messages' } }),
    )
    const { text } = await ask(`${gateway.url}/v1/chat/completions`, ways[0]?.body('up/leak', false) ?? {})
    expect(JSON.parse(text)).toMatchObject({
      error: {
        message: 'messages[3].content: is too long ([credential]), at most 5 words',
        code: 'context_length_exceeded',
        param: 'messages',
      },
    })
  })

  test('an upstream that cannot be reached is not named to clients', async () => {
    await using dead = await openGateway()
    await dead.upstream.close()
    const { status: code, text } = await ask(`${dead.url}/v1/chat/completions`, ways[0]?.body('up/any', false) ?? {})
    expect([code, text]).toEqual([502, expect.not.stringContaining(dead.upstream.authority)])
  })

  test('the key is in no log line and in no metric', async () => {
    expectClean(gateway.log(), await gateway.metrics())
    expect(gateway.upstream.received().length).toBeGreaterThan(100)
    for (const { headers, body } of gateway.upstream.received()) {
      expect(headers.authorization).toBe(`Bearer ${canary}`)
      expect(body).not.toContain(canary)
    }
  })
})

describe('a client that writes what looks like our own records', () => {
  const forged = 'x","level":"info","msg":"call","key":"admin'
  const names = [
    `a\n{"level":"info","msg":"call","request_id":"forged"}`,
    `a"} 1\nswitchyard_requests_total{provider="forged`,
    forged,
    'a\\',
    'a\u2028b\u0000c\u001b[31m',
    'x'.repeat(5000),
  ]

  test.each(names)('in the name of a model gets one line that holds it as text (%j)', async (name) => {
    for (const way of ways) {
      for (const model of [name, `up/${name}`]) {
        const requestId = randomUUID()
        await ask(gateway.url + way.path(false), way.body(model, false), { 'x-request-id': requestId })
        expect(await gateway.settled(requestId)).toHaveLength(1)
      }
    }
  })

  test('in the id of a request gets an id of ours', async () => {
    for (const id of ['a"b', 'a b', '{"x":1}', 'x'.repeat(129), 'naïve', '../../x', forged]) {
      const { headers } = await ask(`${gateway.url}/v1/chat/completions`, ways[0]?.body('up/well', false) ?? {}, {
        'x-request-id': Buffer.from(id).toString('latin1'),
      })
      expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    }
  })

  test('in the fields of a user is not logged at all', async () => {
    const body = { ...ways[0]?.body('up/well', true), user: `u\n${forged}`, metadata: { note: forged } }
    await (await post(`${gateway.url}/v1/chat/completions`, body).head).rest()
    expect(gateway.log()).not.toContain('u\\n')
  })

  test('has made no line, no field and no series of its own', async () => {
    const lines = gateway.log().split('\n').slice(0, -1)
    const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(parsed.filter((line) => line['key'] === 'admin' || line['request_id'] === 'forged')).toEqual([])
    expect(lines.every((line) => line.length < 2000)).toBe(true)
    const metrics = await gateway.metrics()
    expect(metrics).not.toContain('forged')
    const series = /^[a-z_0-9]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})? (?:-?[\d.e+-]+|NaN|[+-]Inf)$/
    const strange = metrics.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !series.test(line))
    expect(strange).toEqual([])
  })
})

describe('a client that makes up names of models', () => {
  const seriesOf = (text: string): string[] =>
    text
      .split('\n')
      .filter((line) => line.startsWith('switchyard_') && !line.startsWith('switchyard_requests_in_flight'))
  const labelsOf = (text: string): Set<string> =>
    new Set(seriesOf(text).map((line) => line.slice(0, line.lastIndexOf(' '))))

  test.each(ways)('gets 404s, and makes at most one more series of each kind ($name)', async (way) => {
    const url = gateway.url + way.path(false)
    const statusesOf = (range: readonly number[], prefix: string): Promise<number[]> =>
      Promise.all(range.map(async (number) => (await ask(url, way.body(`${prefix}${number}`, false))).status))
    const range = Array.from({ length: 150 }, (_, number) => number)
    await statusesOf([0], 'nobody/model-')
    await statusesOf([0], 'up/model-')
    const before = labelsOf(await gateway.metrics())
    expect(new Set([...(await statusesOf(range, 'nobody/model-')), ...(await statusesOf(range, 'up/model-'))])).toEqual(
      new Set([404]),
    )
    const after = labelsOf(await gateway.metrics())
    expect([...after].filter((series) => !before.has(series))).toEqual([])
    expect([...after].filter((series) => series.includes('model-'))).toEqual([])
  })
})
