import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import OpenAI from 'openai'
import { afterAll, describe, expect, test } from 'vitest'
import { UsageService } from '#gen/switchyard/v1/usage_pb.ts'
import { type Answered, ask, post } from '../faults/client.ts'
import { openGateway } from '../faults/gateway.ts'
import { type Answer, frames, pieces, status, well, whole } from '../faults/upstream.ts'
import { ways } from '../faults/ways.ts'
import { wav } from '../suites/recordings.ts'
import { bearer, getJson, keyEntry, saying, sharedGateway } from './gateway.ts'

/* Requests with an Idempotency-Key, over HTTP: answered once, whoever sends them how often. */

const permissions = ['models:use', 'batches:write', 'usage:read', 'requests:read']
const gateway = await sharedGateway({
  config: {
    keys: [
      keyEntry('k1', 'sk-one', { permissions, accounts: ['acme', 'second'] }),
      keyEntry('k2', 'sk-two', { permissions, accounts: ['acme'] }),
      keyEntry('k3', 'sk-three', { permissions, accounts: ['other'] }),
    ],
  },
  // With prices: its model names are the vendor's own.
  providers: (url) => [{ name: 'priced', type: 'azure-openai', base_url: url, env_var: 'UP_API_KEY' }],
})
const { url, upstream } = gateway
upstream.answer('well', well)

let keys = 0
const chat = '/v1/chat/completions'
const hello = { model: 'up/well', messages: saying('hello') }

/** A key that was never used, as headers. */
function newKey(secret = 'sk-one'): Record<string, string> {
  return { ...bearer(secret), 'idempotency-key': `key-${++keys}` }
}

/** What a client can see of an answer, but for the connection's own, and that it was given before. */
function seen({ status: code, text, headers }: Answered): object {
  const { date, connection, 'keep-alive': _, 'transfer-encoding': __, 'content-length': ___, ...own } = headers
  const { 'idempotent-replayed': ____, ...others } = own
  return { code, text, others, dated: date !== undefined, connection }
}

/** Sends something twice, and gives what it was answered the first time; the second answer has to be the same, given again. */
async function twice(send: () => Promise<Answered>): Promise<Answered> {
  const first = await send()
  expect([first.status, first.headers['idempotent-replayed'], first.text]).toEqual([200, undefined, first.text])
  const second = await send()
  expect(second.headers['idempotent-replayed']).toBe('true')
  expect(second.headers['content-length']).toBe(String(Buffer.byteLength(second.text)))
  expect(seen(second)).toEqual(seen(first))
  return first
}

test('of a hundred at once, one is asked and charged for; the others are told to come again, and get its answer', async () => {
  const gate = Promise.withResolvers<void>()
  upstream.answer('gpt-4o', async (response, asked) => {
    await gate.promise
    await well(response, asked)
  })
  const key = newKey()
  const body = { ...hello, model: 'priced/gpt-4o' }
  const answers: Answered[] = []
  const refused = Promise.withResolvers<void>()
  const asks = Array.from({ length: 100 }, async () => {
    answers.push(await ask(url + chat, body, key))
    if (answers.length === 99) refused.resolve()
  })
  await refused.promise
  for (const answer of answers) {
    expect([answer.status, answer.headers['retry-after'], answer.headers['x-should-retry']]).toEqual([
      409,
      expect.stringMatching(/^[1-9]\d?$/),
      undefined,
    ])
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: 'conflict', param: 'Idempotency-Key' } })
  }
  gate.resolve()
  await Promise.all(asks)
  const first = answers.find((answer) => answer.status === 200)
  const again = await Promise.all(Array.from({ length: 20 }, () => ask(url + chat, body, key)))
  for (const answer of again) expect(seen(answer)).toEqual(seen(first as Answered))
  expect(upstream.received('gpt-4o')).toHaveLength(1)
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1' })
  const { total } = await createClient(UsageService, transport).queryUsage(
    { filter: { provider: 'priced' } },
    { headers: bearer('sk-one') },
  )
  // 11 tokens at 2.50 and 7 at 10 dollars a million, once.
  expect(total).toMatchObject({ requests: 1n, costNanoUsd: 97_500n })
  // What was given again is found by the id of the call that it was.
  const id = first?.headers['x-request-id'] ?? ''
  const rows = await createClient(UsageService, transport).listRequests({ limit: 1000 }, { headers: bearer('sk-one') })
  expect(rows.requests.filter((row) => row.status === 'ok').map((row) => row.id)).toEqual([id])
})

describe.each(ways)('$name', (way) => {
  test.each([false, true])('gives the same bytes again (stream: %s)', async (streaming) => {
    const key = newKey()
    const before = upstream.received('well').length
    const first = await twice(() => ask(url + way.path(streaming), way.body('up/well', streaming), key))
    expect(first.text).toContain('three ')
    expect(upstream.received('well')).toHaveLength(before + 1)
  })

  test('refuses another question by the same key in its own words', async () => {
    const key = newKey()
    const body = way.body('up/well', false)
    await ask(url + way.path(false), body, key)
    const other = await ask(url + way.path(false), `${JSON.stringify(body)} `, key)
    expect([other.status, other.headers['x-should-retry']]).toEqual([422, 'false'])
    expect(way.code(other.text)).toBeDefined()
    expect(other.text).toContain('this Idempotency-Key was used for another request')
  })
})

test('the same body at another path is another question', async () => {
  const key = newKey()
  await ask(`${url}/v1beta/models/up%2Fwell:generateContent`, { contents: [{ parts: [{ text: 'hello' }] }] }, key)
  const path = '/v1beta/models/up%2Fbetter:generateContent'
  expect((await ask(url + path, { contents: [{ parts: [{ text: 'hello' }] }] }, key)).status).toBe(422)
})

test('to ask strictly is to ask something else', async () => {
  const key = newKey()
  const embed = { model: 'simulator/echo', input: 'hello' }
  expect((await ask(`${url}/v1/embeddings`, embed, key)).status).toBe(200)
  expect((await ask(`${url}/v1/embeddings`, embed, { ...key, 'x-switchyard-strict': 'true' })).status).toBe(422)
})

test('embeddings are given again', async () => {
  const key = newKey()
  const embed = { model: 'simulator/echo', input: 'hello' }
  const first = await twice(() => ask(`${url}/v1/embeddings`, embed, key))
  expect(JSON.parse(first.text)).toMatchObject({ object: 'list', usage: { prompt_tokens: expect.any(Number) } })
})

test('speech is given again byte by byte, and so are images', async () => {
  const asked = {
    '/v1/audio/speech': { model: 'simulator/echo', input: 'hello', voice: 'alloy', response_format: 'wav' },
    '/v1/images/generations': { model: 'simulator/echo', prompt: 'hello', response_format: 'b64_json' },
  }
  for (const [path, body] of Object.entries(asked)) {
    const key = newKey()
    const send = async () => {
      const headers = { ...key, 'content-type': 'application/json' }
      const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
      const content = Buffer.from(await answer.arrayBuffer())
      const replayed = answer.headers.get('idempotent-replayed')
      return { replayed, content, type: answer.headers.get('content-type'), status: answer.status }
    }
    const first = await send()
    expect([first.status, first.replayed, first.content.length > 1000]).toEqual([200, null, true])
    expect(await send()).toEqual({ ...first, replayed: 'true' })
  }
})

test('forms are the same whatever divides their parts, and others when a byte of a file is another', async () => {
  const key = newKey()
  const send = async (sound: Uint8Array, name = 'talk.wav'): Promise<Answered> => {
    const form = new FormData()
    form.append('model', 'simulator/echo')
    form.append('file', new Blob([sound as Uint8Array<ArrayBuffer>], { type: 'audio/wav' }), name)
    const answer = await fetch(`${url}/v1/audio/transcriptions`, { method: 'POST', headers: key, body: form })
    return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() }
  }
  const sound = wav(2)
  const first = await twice(() => send(sound))
  expect(JSON.parse(first.text)).toMatchObject({ text: expect.stringContaining('2 seconds') })
  const other = Uint8Array.from(sound)
  other[other.length - 1] = (other.at(-1) ?? 0) ^ 1
  expect((await send(other)).status).toBe(422)
  expect((await send(sound, 'other.wav')).status).toBe(422)
})

test('a batch is made once, and a file kept once', async () => {
  const line = JSON.stringify({
    custom_id: '1',
    method: 'POST',
    url: chat,
    body: { ...hello, model: 'simulator/echo' },
  })
  const form = new FormData()
  form.append('purpose', 'batch')
  form.append('file', new Blob([line]), 'in.jsonl')
  const [upload, create] = [newKey(), newKey()]
  const sent = async (): Promise<string> => {
    const answer = await fetch(`${url}/v1/files`, { method: 'POST', headers: upload, body: form })
    return ((await answer.json()) as { id: string }).id
  }
  const file = await sent()
  expect(await sent()).toBe(file)
  const body = { input_file_id: file, endpoint: chat, completion_window: '24h' }
  const first = await twice(() => ask(`${url}/v1/batches`, body, create))
  const { data } = (await getJson(`${url}/v1/batches`, bearer('sk-one'))).json as { data: { id: string }[] }
  expect(data.map(({ id }) => id)).toEqual([(JSON.parse(first.text) as { id: string }).id])
})

test('a key is its sender’s own, and for one account', async () => {
  const key = newKey()
  const before = upstream.received('well').length
  await ask(url + chat, hello, key)
  for (const secret of ['sk-two', 'sk-three']) {
    const answer = await ask(url + chat, { ...hello, n: 1 }, { ...key, ...bearer(secret) })
    expect([answer.status, answer.headers['idempotent-replayed']]).toEqual([200, undefined])
  }
  const body = { model: 'up/well', args: { messages: saying('hello') } }
  for (const account of ['acme', 'second']) {
    const headers = { ...key, 'idempotency-key': 'of-accounts', 'x-selected-account-id': account }
    expect((await ask(`${url}/v5/inference`, body, headers)).headers['idempotent-replayed']).toBeUndefined()
  }
  const foreign = { ...key, 'x-selected-account-id': 'other' }
  expect((await ask(`${url}/v5/inference`, body, foreign)).status).toBe(403)
  expect(upstream.received('well')).toHaveLength(before + 5)
})

test.each<readonly [string, string, Answer, (text: string) => void]>([
  ['fails', 'bad', status(500, { error: { message: 'no' } }), (text) => expect(text).toContain('error')],
  [
    'is cut',
    'cut',
    pieces(frames.slice(0, 2), 'cut'),
    (text) => expect(text).toMatch(/"content":"two "[\s\S]*"error":\{(?![\s\S]*\[DONE\])/),
  ],
])('what %s may be asked again with the same key', async (_what, model, bad, check) => {
  const key = newKey()
  const body = { ...hello, model: `up/${model}`, stream: model === 'cut' }
  upstream.answer(model, bad)
  const failed = await ask(url + chat, body, key)
  check(failed.text)
  upstream.answer(model, well)
  const first = await twice(() => ask(url + chat, body, key))
  expect(first.text).toContain('four ')
  expect(upstream.received(model)).toHaveLength(2)
})

test('what its client leaves may be asked again with the same key', async () => {
  const gone = Promise.withResolvers<void>()
  upstream.answer('left', async (response, asked) => {
    await pieces(frames.slice(0, 2), 'hang')(response, asked)
    await asked.left
    gone.resolve()
  })
  const key = newKey()
  const body = { ...hello, model: 'up/left', stream: true }
  const asking = post(url + chat, body, key)
  await (await asking.head).has('two ')
  asking.leave()
  await gone.promise
  upstream.answer('left', well)
  await expect.poll(async () => (await ask(url + chat, body, key)).status, { interval: 20 }).toBe(200)
  expect(upstream.received('left')).toHaveLength(2)
})

test.each(['', ' ', 'two words', 'größe', 'x'.repeat(256)])(
  'the key %j is refused before anything is asked',
  async (key) => {
    const before = upstream.received('well').length
    const answer = await ask(url + chat, hello, {
      ...bearer('sk-one'),
      'idempotency-key': Buffer.from(key).toString('latin1'),
    })
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text)).toMatchObject({ error: { param: 'Idempotency-Key' } })
    expect(upstream.received('well')).toHaveLength(before)
  },
)

test('the longest key is taken', async () => {
  const key = { ...bearer('sk-one'), 'idempotency-key': '~'.repeat(255) }
  await twice(() => ask(url + chat, hello, key))
})

test('an SDK that comes too early waits as it is told, and gets the answer', async () => {
  const gate = Promise.withResolvers<void>()
  upstream.answer('sdk', async (response, asked) => {
    await gate.promise
    await well(response, asked)
  })
  const headers = { 'Idempotency-Key': 'of-an-sdk' }
  const told: number[] = []
  const sdk = new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: 'sk-one',
    maxRetries: 9,
    async fetch(input, init) {
      const answer = await fetch(input, init)
      told.push(answer.status)
      if (answer.status === 409) gate.resolve()
      return answer
    },
  })
  const create = () => sdk.chat.completions.create({ model: 'up/sdk', messages: saying('hello') }, { headers })
  const [one, other] = await Promise.all([create(), create()])
  expect(one).toEqual(other)
  expect(told).toContain(409)
  expect(told.filter((code) => code === 200)).toHaveLength(2)
  expect(upstream.received('sdk')).toHaveLength(1)
})

test('answers are given again after a restart; too large ones are not, and nobody is asked for them again', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'switchyard-once-'))
  afterAll(() => rmSync(dataDir, { recursive: true }))
  const config = { idempotency: { max_bytes: JSON.stringify(whole).length } }
  const large = { ...hello, messages: saying('large') }
  const answers = async (): Promise<readonly [Answered, Answered, number]> => {
    await using started = await openGateway({ config, dataDir })
    started.upstream.answer('well', well)
    const send = (body: object, key: string): Promise<Answered> =>
      ask(started.url + chat, body, { 'idempotency-key': key })
    const small = await send(hello, 'small')
    const streamed = await send({ ...large, stream: true }, 'large')
    return [small, streamed, started.upstream.received().length]
  }
  const [small, streamed, asked] = await answers()
  expect([small.status, streamed.status, asked]).toEqual([200, 200, 2])
  const [again, refused, askedAgain] = await answers()
  expect(seen(again)).toEqual(seen(small))
  expect(again.headers['idempotent-replayed']).toBe('true')
  expect([refused.status, refused.headers['x-should-retry'], refused.headers['retry-after']]).toEqual([
    409,
    'false',
    undefined,
  ])
  expect(refused.text).toContain('too large')
  expect(askedAgain).toBe(0)
})
