import { describe, expect, test } from 'vitest'
import { ask } from '../faults/client.ts'
import { consumed, frames, pieces, said, status, well, whole } from '../faults/upstream.ts'
import { saysDone, streamValues } from '../wire/case.ts'
import { askJson, bearer, getJson, keyEntry, saying, sharedGateway } from './gateway.ts'

const gateway = await sharedGateway({
  config: {
    retries: { per_target: 0, budget: 1 },
    server: { body_limit_bytes: 4096 },
    keys: [
      keyEntry('user', 'sk-user', { accounts: ['home', 'work'] }),
      keyEntry('reader', 'sk-reader', { permissions: ['usage:read'] }),
      keyEntry('narrow', 'sk-narrow', { models: ['simulator/echo'] }),
    ],
  },
})
const url = `${gateway.url}/v5/inference`
const key = { 'x-api-key': 'sk-user' }
const messages = saying('Hello')
const hello = { model: 'simulator/echo', args: { messages } }

const asking = (body: object, headers: Record<string, string> = {}): ReturnType<typeof askJson> =>
  askJson(url, body, { ...key, ...headers })

describe('an answer', () => {
  test("is the model's own, wrapped", async () => {
    const { status: code, json } = await asking(hello)
    expect(code).toBe(200)
    expect(json).toEqual({
      object: 'generic_inference',
      response: expect.objectContaining({
        object: 'chat.completion',
        model: 'echo',
        choices: [
          expect.objectContaining({ message: expect.objectContaining({ content: '[simulated] You said: Hello' }) }),
        ],
        usage: expect.objectContaining({ total_tokens: 5 }),
      }),
    })
  })

  test('of an upstream is exactly what that said, and the arguments reach it as they are', async () => {
    gateway.upstream.answer('own/deep', status(200, { ...whole, x_vendor: [1, null] }))
    const args = { messages, max_tokens: 9, x_own: { kept: true } }
    const { json } = await asking({ model: 'up/own/deep', args })
    expect(json).toEqual({ object: 'generic_inference', response: { ...whole, x_vendor: [1, null] } })
    expect(JSON.parse(gateway.upstream.received('own/deep')[0]?.body ?? '')).toEqual({ ...args, model: 'own/deep' })
  })

  test('is known in the log by its dialect and by the account selected', async () => {
    const select = (account: string, id: string): ReturnType<typeof asking> =>
      asking(hello, { 'x-selected-account-id': account, 'x-request-id': id })
    expect((await select('work', 'for-work')).status).toBe(200)
    expect(await gateway.settled('for-work')).toMatchObject([{ dialect: 'sgp', key: 'user', account: 'work' }])
    expect((await asking(hello, { 'x-request-id': 'for-home' })).status).toBe(200)
    expect(await gateway.settled('for-home')).toMatchObject([{ account: 'home' }])
    const foreign = await select('theirs', 'for-others')
    expect([foreign.status, foreign.json]).toEqual([403, { detail: expect.stringContaining('account') }])
    expect((await gateway.settled('for-others'))[0]).toMatchObject({ status: 'error', http_status: 403 })
  })
})

describe('a stream', () => {
  const streamed = async (model: string, args: object = {}): Promise<{ values: unknown[]; text: string }> => {
    const { text } = await ask(url, { model, args: { messages, stream: true, ...args } }, key)
    return { values: streamValues(text).map(({ value }) => value), text }
  }

  test("is the model's own chunks, each wrapped, with usage and [DONE] at the end", async () => {
    const { values, text } = await streamed('simulator/echo')
    const chunks = values as { object: string; response: Chunk }[]
    expect(new Set(chunks.map(({ object }) => object))).toEqual(new Set(['generic_inference.chunk']))
    const words = chunks.map(({ response }) => response.choices[0]?.delta.content ?? '')
    expect(words.join('')).toBe('[simulated] You said: Hello')
    expect(chunks.at(-1)?.response).toMatchObject({ choices: [], usage: { total_tokens: 5 } })
    expect(saysDone(text)).toBe(true)
  })

  test('of an upstream has its chunks as they were', async () => {
    gateway.upstream.answer('chunks', well)
    const { values } = await streamed('up/chunks')
    const own = streamValues(frames.join('')).map(({ value }) => value)
    expect(values).toEqual(own.map((response) => ({ object: 'generic_inference.chunk', response })))
    expect(JSON.stringify(values)).toContain(JSON.stringify(consumed))
    expect(said).toContain('one')
  })

  test.each(['simulator/cut-after-2', 'up/cut'])(
    'that is cut ends with an error and without [DONE]: %s',
    async (model) => {
      gateway.upstream.answer('cut', pieces(frames.slice(0, 2), 'cut'))
      const { values, text } = await streamed(model)
      expect(values).toHaveLength(3)
      expect(values.at(-1)).toEqual({ detail: expect.any(String) })
      expect(saysDone(text)).toBe(false)
    },
  )
})

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[]
}

describe('the configuration of a call', () => {
  test('timeout_seconds is the deadline of all of it, and is told as 504', async () => {
    const body = { model: 'simulator/hang', args: { messages }, inference_configuration: { timeout_seconds: 1 } }
    const { status: code, json } = await asking(body)
    expect([code, json]).toEqual([504, { detail: expect.stringContaining('deadline') }])
  })

  test('a deadline beyond the gateway’s own is not taken in silence', async () => {
    const body = { model: 'simulator/echo', args: { messages }, inference_configuration: { timeout_seconds: 601 } }
    const name = 'inference_configuration.timeout_seconds'
    const answer = await asking(body)
    expect([answer.status, answer.headers['x-switchyard-dropped']]).toEqual([200, name])
    const strict = await asking(body, { 'x-switchyard-strict': 'true' })
    expect([strict.status, strict.json]).toEqual([400, { detail: expect.stringContaining(name) }])
    const within = await asking({ ...body, inference_configuration: { timeout_seconds: 600 } })
    expect(within.headers['x-switchyard-dropped']).toBeUndefined()
  })

  test.each([0, 1, 3])('num_retries is how often it is tried again: %i', async (retries) => {
    const model = `failing-${retries}`
    gateway.upstream.answer('warm', status(200, whole))
    gateway.upstream.answer(model, status(503, {}))
    // Retries are a share of what was asked before: here as many as that.
    for (let asked = 0; asked < retries; asked++) await asking({ model: 'up/warm', args: { messages } })
    const configuration = { inference_configuration: { num_retries: retries } }
    const { status: code, json } = await asking({ model: `up/${model}`, args: { messages }, ...configuration })
    expect([code, json]).toEqual([503, { detail: expect.any(String) }])
    expect(gateway.upstream.received(model)).toHaveLength(1 + retries)
  })

  test('a retry that succeeds is an answer like any other', async () => {
    let tries = 0
    gateway.upstream.answer('second', (response, request) =>
      (tries++ === 0 ? status(503, {}) : status(200, whole))(response, request),
    )
    const body = { model: 'up/second', args: { messages }, inference_configuration: { num_retries: 2 } }
    expect((await asking(body)).status).toBe(200)
    expect(gateway.upstream.received('second')).toHaveLength(2)
  })
})

describe('an error', () => {
  const place = (...loc: (string | number)[]): object => ({ loc: ['body', ...loc], msg: expect.any(String) })

  test.each([
    [{}, [{ ...place('model'), type: 'missing', input: null }]],
    [{ args: { messages } }, [{ ...place('model'), type: 'missing', input: null }]],
    [{ model: 7, args: { messages } }, [{ ...place('model'), type: 'string_type', input: 7 }]],
    [{ model: 'no-slash', args: { messages } }, [{ ...place('model'), input: 'no-slash' }]],
    [{ model: 'a/b', args: [] }, [{ ...place('args'), type: 'dict_type' }]],
    [{ model: 'a/b', args: { messages: 'x' } }, [{ ...place('args', 'messages'), type: 'list_type', input: 'x' }]],
    [{ model: 'a/b', args: { messages: [{ role: 'robot' }] } }, [place('args', 'messages', 0, 'role')]],
    [
      { ...hello, inference_configuration: { timeout_seconds: 'soon', num_retries: 11 } },
      [
        { ...place('inference_configuration', 'timeout_seconds'), type: 'int_parsing', input: 'soon' },
        { ...place('inference_configuration', 'num_retries'), input: 11 },
      ],
    ],
  ])('of a field is 422 and says where: %j', async (body, detail) => {
    const { status: code, json } = await asking(body)
    expect(code).toBe(422)
    expect(json).toEqual({
      detail: detail.map((each) => ({ type: expect.any(String), input: expect.anything(), ...each })),
    })
  })

  test.each([
    ['simulator/status-400', 400],
    ['simulator/status-404', 404],
    ['simulator/status-422', 422],
    ['simulator/status-429', 429],
    ['simulator/status-401', 502],
    ['simulator/status-500', 502],
    ['simulator/status-503', 503],
    ['nobody/none', 404],
  ])('of the model %s is %i and one sentence', async (model, httpStatus) => {
    const { status: code, json, headers } = await asking({ ...hello, model })
    expect([code, json]).toEqual([httpStatus, { detail: expect.any(String) }])
    expect(headers['retry-after']).toBe(httpStatus === 429 ? '1' : undefined)
  })

  test('of the key', async () => {
    const detail = { detail: expect.any(String) }
    for (const headers of [{}, { 'x-api-key': 'sk-wrong' }, bearer('sk-wrong')]) {
      const { status: code, json } = await askJson(url, hello, headers)
      expect([code, json]).toEqual([401, detail])
    }
    const reader = await askJson(url, hello, { 'x-api-key': 'sk-reader' })
    expect([reader.status, reader.json]).toEqual([403, detail])
    const narrow = await askJson(url, { ...hello, model: 'simulator/lorem' }, { 'x-api-key': 'sk-narrow' })
    expect([narrow.status, narrow.json]).toEqual([403, detail])
    expect((await askJson(url, hello, bearer('sk-user'))).status).toBe(200)
  })

  test('of the HTTP request', async () => {
    const detail = { detail: expect.any(String) }
    const broken = await askJson(url, '{', key)
    expect([broken.status, broken.json]).toEqual([400, detail])
    const large = await asking({ ...hello, args: { messages: saying('x'.repeat(5000)) } })
    expect([large.status, large.json]).toEqual([413, detail])
    const text = await asking(hello, { 'content-type': 'text/plain' })
    expect([text.status, text.json]).toEqual([415, detail])
    const get = await getJson(url, key)
    expect([get.status, get.json, get.headers['allow']]).toEqual([405, detail, 'POST'])
    const elsewhere = await getJson(`${gateway.url}/v5/nothing`, key)
    expect([elsewhere.status, elsewhere.json]).toEqual([404, detail])
  })
})
