import { createHash, randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask } from './client.ts'
import { type FaultyGateway, openGateway, soon } from './gateway.ts'
import { well } from './upstream.ts'
import { type Way, ways } from './ways.ts'

const key = 'a-key-of-these-tests'
const bodyLimit = 512 * 1024
let gateway: FaultyGateway
beforeAll(async () => {
  const hash = `sha256:${createHash('sha256').update(key).digest('hex')}`
  gateway = await openGateway({
    config: { server: { body_limit_bytes: bodyLimit }, keys: [{ id: 'tester', hash }] },
  })
  gateway.upstream.answer('well', well)
})
afterAll(async () => gateway[Symbol.asyncDispose]())

const nothing = { input_tokens: 0, output_tokens: 0, provider: '', model: '' }
const rpcPath = '/switchyard.v1.InferenceService/Chat'
const allowed = (requestId: string) => ({ authorization: `Bearer ${key}`, 'x-request-id': requestId })

/** The head of a request with a body of so many bytes, as text. */
function head(path: string, requestId: string, authorization: string, length: number): string {
  const lines = [`POST ${path} HTTP/1.1`, 'host: a', 'content-type: application/json', `x-request-id: ${requestId}`]
  return [...lines, ...(authorization === '' ? [] : [authorization]), `content-length: ${length}`, '', ''].join('\r\n')
}

/** A client that writes all it has to say before it reads a word, as simple ones do; gives what it read in the end. */
async function sendThenRead(request: string, body: Buffer): Promise<string> {
  const socket = connect(gateway.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.pause()
  socket.write(request)
  for (let at = 0; at < body.length && !socket.destroyed; at += 64 * 1024) {
    if (socket.write(body.subarray(at, at + 64 * 1024))) continue
    await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined)
  }
  return readAll(socket)
}

async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', (piece: string) => (text += piece))
  socket.resume()
  if (!socket.destroyed) await soon(once(socket, 'close'), 'the end of the connection')
  return text
}

const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4)

describe.each(ways)('a caller without a good key, by $name', (way) => {
  const bad = [
    ['', 'no key'],
    ['authorization: Bearer wrong', 'a wrong one'],
    [`authorization: Basic ${key}`, 'another scheme'],
    ['x-api-key: wrong', 'a wrong one in x-api-key'],
    [`authorization: Bearer ${key}x`, 'one character too many'],
  ] as const

  test.each(bad)('is told so before its body is read (%s)', async (authorization) => {
    const requestId = randomUUID()
    const socket = connect(gateway.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(head(way.path(false), requestId, authorization, 50_000))
    const answer = await readAll(socket)
    expect(answer).toMatch(/^HTTP\/1.1 401 /)
    expect(way.code(bodyOf(answer))).toBe(way.name === 'openai' ? 'invalid_api_key' : way.codeOf('unauthenticated'))
    expect(await gateway.settled(requestId)).toEqual([
      expect.objectContaining({ status: 'error', reason: 'unauthenticated', http_status: 401, key: '', ...nothing }),
    ])
    expect(gateway.upstream.received()).toEqual([])
  })

  test('hears it also when it sends on and on before it reads', async () => {
    const body = Buffer.alloc(8 * 1024 * 1024, 'x')
    const answer = await sendThenRead(head(way.path(false), randomUUID(), '', body.length), body)
    expect(answer).toMatch(/^HTTP\/1.1 401 /)
    expect(way.code(bodyOf(answer))).not.toBe('no detail')
  })
})

describe.each(ways)('a body that is too large, by $name', (way) => {
  const padded = (): Buffer =>
    Buffer.from(JSON.stringify({ ...way.body('up/well', false), user: 'x'.repeat(bodyLimit) }))

  test('is a 413 before it is sent', async () => {
    const requestId = randomUUID()
    const socket = connect(gateway.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(head(way.path(false), requestId, `authorization: Bearer ${key}`, bodyLimit + 1))
    const answer = await readAll(socket)
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect(way.code(bodyOf(answer))).toBe(way.codeOf('payload_too_large'))
    expect(await gateway.settled(requestId)).toEqual([
      expect.objectContaining({ reason: 'payload_too_large', http_status: 413, key: 'tester', ...nothing }),
    ])
  })

  test('is a 413 when its length is not told, and reading stops', async () => {
    const socket = connect(gateway.port, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    const lines = head(way.path(false), randomUUID(), `authorization: Bearer ${key}`, 0)
    socket.write(lines.replace('content-length: 0', 'transfer-encoding: chunked'))
    const body = padded()
    socket.write(`${body.length.toString(16)}\r\n`)
    socket.write(body)
    const answer = await readAll(socket)
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
  })
})

test('nobody was asked for anything that was refused so far', () => {
  expect(gateway.upstream.received()).toEqual([])
})

test('over HTTP/2 a caller without a good key gets its answer and loses only its stream', async () => {
  const session = connectHttp2(gateway.url)
  const stream = session.request({
    ':method': 'POST',
    ':path': '/v1/chat/completions',
    'content-type': 'application/json',
  })
  stream.on('error', () => undefined)
  stream.write('{"model":')
  const [answer] = (await once(stream, 'response')) as [Record<string, unknown>]
  expect(answer[':status']).toBe(401)
  stream.resume()
  await soon(once(stream, 'close'), 'the end of the stream')
  expect(session.destroyed).toBe(false)
  session.close()
})

/** Bodies that are no JSON anybody should act on. */
const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
const broken: readonly (readonly [string, (way: Way) => string | Buffer])[] = [
  ['nested 100,000 levels deep', (way) => way.limited('up/well', deep)],
  ['of too many values', (way) => way.limited('up/well', `[${'0,'.repeat(200_000)}0]`)],
  ['cut short', (way) => JSON.stringify(way.body('up/well', false)).slice(0, -3)],
  ['empty', () => ''],
  ['a list', () => '[]'],
  ['a number', () => '5'],
  ['null', () => 'null'],
  ['two objects', (way) => JSON.stringify(way.body('up/well', false)).repeat(2)],
  ['after a byte order mark', (way) => `\ufeff${JSON.stringify(way.body('up/well', false))}`],
  ['with a character cut in two', (way) => notUtf8(way, [0xe2, 0x82])],
  ['with a byte that no character has', (way) => notUtf8(way, [0xff])],
  ['with an overlong slash', (way) => notUtf8(way, [0xc0, 0xaf])],
  ['with a surrogate as bytes', (way) => notUtf8(way, [0xed, 0xa0, 0x80])],
  ['with half a surrogate pair, escaped', (way) => words(way, '\\ud83d')],
  ['with the other half, escaped', (way) => words(way, 'a\\uDE00b')],
  ['with the halves in the wrong order', (way) => words(way, '\\ude00\\ud83d')],
  ['with two models', (way) => JSON.stringify(way.body('up/well', false)).replace('{', '{"model":"up/other",')],
  [
    'with two models, one escaped',
    (way) => JSON.stringify(way.body('up/well', false)).replace('{', '{"\\u006dodel":"x/y",'),
  ],
]

const marker = 'count to four, please'
const words = (way: Way, literal: string): string =>
  JSON.stringify(way.body('up/well', false)).replace(marker, () => literal)

function notUtf8(way: Way, bytes: readonly number[]): Buffer {
  const [before = '', after = ''] = JSON.stringify(way.body('up/well', false)).split(marker)
  return Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)])
}

describe.each(ways)('a body that cannot be acted on, by $name', (way) => {
  test.each(broken)('%s is a 400 with a line in the log, and nobody is asked', async (_, make) => {
    const requestId = randomUUID()
    const before = gateway.upstream.received().length
    const answer = await ask(gateway.url + way.path(false), make(way), allowed(requestId))
    expect([answer.status, way.code(answer.text)]).toEqual([400, expect.not.stringContaining('internal')])
    expect(await gateway.settled(requestId)).toEqual([
      expect.objectContaining({ reason: 'invalid_request', http_status: 400, key: 'tester', ...nothing }),
    ])
    expect(gateway.upstream.received()).toHaveLength(before)
  })

  test('with names given twice is refused unless it is sent on as it is', async () => {
    const twice = JSON.stringify(way.body('up/well', false)).replace('"role":"user"', '"role":"user","role":"user"')
    const answer = await ask(gateway.url + way.path(false), twice, allowed(randomUUID()))
    expect(answer.status).toBe(way.name === 'openai' ? 200 : 400)
  })

  test.each(['{"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{"polluted":true}}}'])(
    'pollutes nothing with %s',
    async (value) => {
      const plain = JSON.stringify(way.body('up/well', false))
      const bodies = [
        plain.replace('{', `{"metadata":${value},`),
        plain.replace('{', `${value.slice(0, -1)},`),
        plain.replace('"role"', `"x":${value},"role"`),
        way.limited('up/well', '5').replace(':5', `:5,"logit_bias":${value},"__proto__":{"polluted":true}`),
      ]
      for (const body of bodies) {
        const { status } = await ask(gateway.url + way.path(false), body, allowed(randomUUID()))
        expect([200, 400, 422]).toContain(status)
      }
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    },
  )

  test.each(['1e400', '-1', '0', '9007199254740993', '4294967296', '"5"', '1.5', 'true', '[5]', '{}'])(
    'with a limit of %s tokens is refused by name, and never clamped',
    async (limit) => {
      const requestId = randomUUID()
      const before = gateway.upstream.received().length
      const { status, text } = await ask(
        gateway.url + way.path(false),
        way.limited('up/well', limit),
        allowed(requestId),
      )
      expect([status, text]).toEqual([way.name === 'sgp' ? 422 : 400, expect.stringMatching(/max_?tokens/i)])
      expect(await gateway.settled(requestId)).toEqual([
        expect.objectContaining({ reason: 'invalid_request', ...nothing }),
      ])
      expect(gateway.upstream.received()).toHaveLength(before)
    },
  )

  test.each(['1', '4294967295', '5.0', '5e0'])('with a limit of %s tokens is good', async (limit) => {
    const { status } = await ask(gateway.url + way.path(false), way.limited('up/well', limit), allowed(randomUUID()))
    expect(status).toBe(200)
  })
})

describe('a message that cannot be acted on', () => {
  const rpc = (fields: string): string =>
    `{"model":"up/well","messages":[{"role":"ROLE_USER","parts":[{"text":{"text":"x"}}]}],${fields}}`

  test.each(['1e400', '-1', '0', '9007199254740993', '1.5', 'true'])('has a limit of %s tokens', async (limit) => {
    const requestId = randomUUID()
    const { status } = await ask(gateway.url + rpcPath, rpc(`"maxOutputTokens":${limit}`), allowed(requestId))
    expect(status).toBe(400)
    expect(await gateway.settled(requestId)).toEqual([
      expect.objectContaining({ reason: 'invalid_request', ...nothing }),
    ])
  })

  test.each([1_000, 20_000])('nests %i levels deep in binary', async (levels) => {
    const requestId = randomUUID()
    const headers = { ...allowed(requestId), 'content-type': 'application/proto' }
    const { status } = await ask(gateway.url + rpcPath, deepMessage(levels), headers)
    expect(status).toBe(400)
    expect(await gateway.settled(requestId)).toEqual([
      expect.objectContaining({ reason: 'invalid_request', ...nothing }),
    ])
  })
})

/** A ChatRequest with a tool whose parameters are lists in lists in lists. */
function deepMessage(levels: number): Buffer {
  const pieces: Buffer[] = []
  let size = 0
  const wrap = (field: number): void => {
    const length = varint(size)
    const tag = varint(field * 8 + 2)
    pieces.push(length, tag)
    size += length.length + tag.length
  }
  for (let level = 0; level < levels; level++) {
    // ListValue.values, then Value.list_value.
    wrap(1)
    wrap(6)
  }
  // The entry's value; the map entry of Struct.fields; FunctionTool.parameters; Tool.function; ChatRequest.tools.
  for (const field of [2, 1, 3, 1, 4]) wrap(field)
  return Buffer.concat(pieces.toReversed())
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}

test('every request of this file was recorded once', async () => {
  await setTimeout(50)
  const ids = gateway.allSettled().map((line) => line['request_id'])
  expect(new Set(ids).size).toBe(ids.length)
})
