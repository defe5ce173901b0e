import { GoogleGenAI } from '@google/genai'
import { APIError } from 'openai'
import { describe, expect, test } from 'vitest'
import { type Answer, status } from '../faults/upstream.ts'
import { askJson, openaiSdk, sharedGateway } from './gateway.ts'

const small = (url: string): object => ({ name: 'small', type: 'mistral', base_url: url, env_var: 'UP_API_KEY' })
const gateway = await sharedGateway({ providers: (url) => [small(url)] })
const { embeddings } = openaiSdk(gateway)

/** A vector that tells its input: the number in it, as a direction that 32 bits can hold. */
const vectorFor = (text: string): number[] => [Number(/\d+/.exec(text)?.[0] ?? 0), 0.5, -0.25]

/** Answers with numbers, or as the request wants, and says how many inputs it had. */
const asNumbers: Answer = (response, { body }) => {
  const { input } = JSON.parse(body) as { input: string | string[] }
  const inputs = typeof input === 'string' ? [input] : input
  const data = inputs.map((text, index) => ({ object: 'embedding', index, embedding: vectorFor(text) }))
  const usage = { prompt_tokens: inputs.length, total_tokens: inputs.length }
  return status(200, { object: 'list', data, model: 'as-numbers', usage, x_vendor: 'kept' })(response, {} as never)
}
gateway.upstream.answer('as-numbers', asNumbers)

const lengthOf = (vector: readonly number[]): number => Math.hypot(...vector)

describe('vectors', () => {
  test.each([[undefined], ['float'], ['base64']] as const)(
    'come to the SDK with encoding_format %s',
    async (format) => {
      const asked = { model: 'simulator/echo', input: ['one', 'two words'], dimensions: 8 }
      const { data, usage, model } = await embeddings.create({ ...asked, ...(format && { encoding_format: format }) })
      const read = data.map(({ embedding }) => (typeof embedding === 'string' ? floats(embedding) : [...embedding]))
      expect(data.map(({ index, object }) => [index, object])).toEqual([
        [0, 'embedding'],
        [1, 'embedding'],
      ])
      expect(read.map((vector) => vector.length)).toEqual([8, 8])
      for (const vector of read) expect(lengthOf(vector)).toBeCloseTo(1, 5)
      expect(read[0]).not.toEqual(read[1])
      expect([model, usage]).toEqual(['echo', { prompt_tokens: 3, total_tokens: 3 }])
      const plain = await embeddings.create({
        model: 'simulator/echo',
        input: 'one',
        dimensions: 8,
        encoding_format: 'float',
      })
      expect(plain.data[0]?.embedding).toEqual(read[0])
    },
  )

  test('of an upstream that speaks the same come as they were, byte for byte, and are counted', async () => {
    const body = { model: 'up/as-numbers', input: 'text 7', x_unknown: 'sent on' }
    const answer = await askJson(`${gateway.url}/v1/embeddings`, body)
    expect(answer.text).toBe(
      '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[7,0.5,-0.25]}],"model":"as-numbers","usage":{"prompt_tokens":1,"total_tokens":1},"x_vendor":"kept"}',
    )
    expect(gateway.upstream.received('as-numbers').at(-1)?.body).toBe(
      '{"model":"as-numbers","input":"text 7","x_unknown":"sent on"}',
    )
    const lines = await gateway.settled(String(answer.headers['x-request-id']))
    expect(lines).toMatchObject([{ operation: 'embed', dialect: 'openai', input_tokens: 1, output_tokens: 0 }])
  })

  test('that an upstream writes as numbers although it was asked for base64 are read by the SDK all the same', async () => {
    const { data } = await embeddings.create({ model: 'up/as-numbers', input: ['text 1', 'text 2'] })
    expect(data.map(({ embedding }) => embedding)).toEqual(['1', '2'].map(vectorFor))
  })

  test('for more inputs than the vendor takes at once are asked for in parts, and come in order', async () => {
    const before = gateway.upstream.received('as-numbers').length
    const input = Array.from({ length: 600 }, (_, at) => `text ${at}`)
    const { data, usage } = await embeddings.create({ model: 'small/as-numbers', input })
    expect(data.map(({ index, embedding }) => [index, embedding[0]])).toEqual(input.map((_, at) => [at, at]))
    expect(usage).toEqual({ prompt_tokens: 600, total_tokens: 600 })
    const asked = gateway.upstream.received('as-numbers').slice(before)
    expect(asked.map(({ body }) => (JSON.parse(body) as { input: string[] }).input.length)).toEqual([256, 256, 88])
  })

  test('in parts that do not all come are no answer, and what the others consumed is in the log', async () => {
    gateway.upstream.answer('two-parts', (response, asked) =>
      asked.body.includes('"text 512"')
        ? status(400, { message: 'no more' })(response, asked)
        : asNumbers(response, asked),
    )
    const input = Array.from({ length: 600 }, (_, at) => `text ${at}`)
    const answer = await askJson(`${gateway.url}/v1/embeddings`, { model: 'small/two-parts', input })
    expect(answer.status).toBe(400)
    const [line] = await gateway.settled(String(answer.headers['x-request-id']))
    expect(line).toMatchObject({ status: 'error', input_tokens: 512 })
  })
})

describe('a request for vectors is refused', () => {
  test.each([
    ['an empty text', { input: '' }, 'input'],
    ['an empty list', { input: [] }, 'input'],
    ['an empty text among others', { input: ['a', ''] }, 'input'],
    ['too many texts', { input: Array.from({ length: 2049 }, () => 'x') }, 'input'],
    ['token ids that are none', { input: [1, -1] }, 'input'],
    ['token ids that are no whole numbers', { input: [[1.5]] }, 'input'],
    ['texts among token ids', { input: [1, 'a'] }, 'input'],
    ['no dimensions', { input: 'a', dimensions: 0 }, 'dimensions'],
    ['an unknown format', { input: 'a', encoding_format: 'hex' }, 'encoding_format'],
  ])('for %s', async (_name, fields, param) => {
    const answer = await askJson(`${gateway.url}/v1/embeddings`, { model: 'simulator/echo', ...fields })
    expect(answer.status).toBe(400)
    expect(answer.json).toMatchObject({
      error: { type: 'invalid_request_error', param: expect.stringContaining(param) },
    })
  })

  test('for a length that the model does not keep, and by the SDK as an error of the caller', async () => {
    const asked = embeddings.create({ model: 'up/as-numbers', input: 'a', dimensions: 256 })
    const error = await asked.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(APIError)
    expect(error).toMatchObject({ status: 400, param: 'dimensions' })
  })

  test('for token ids that the vendor does not take, before anything is sent', async () => {
    const before = gateway.upstream.received().length
    const answer = await askJson(`${gateway.url}/v1/embeddings`, { model: 'small/as-numbers', input: [1, 2] })
    expect([answer.status, gateway.upstream.received().length]).toEqual([400, before])
  })

  test('with the status that the provider gave', async () => {
    const asked = { input: 'a', model: 'simulator/status-429' }
    expect((await askJson(`${gateway.url}/v1/embeddings`, asked)).status).toBe(429)
  })
})

describe('vectors in other dialects', () => {
  test('come to the SDK of Google, one and several', async () => {
    const { models } = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl: gateway.url } })
    const config = { outputDimensionality: 4 }
    const several = await models.embedContent({ model: 'simulator/echo', contents: ['one', 'two'], config })
    const { data } = await embeddings.create({ model: 'simulator/echo', input: ['one', 'two'], dimensions: 4 })
    expect(several.embeddings?.map(({ values }) => values)).toEqual(data.map(({ embedding }) => embedding))
    const path = `${gateway.url}/v1beta/models/simulator%2Fecho:embedContent`
    const body = { content: { parts: [{ text: 'one' }] }, output_dimensionality: 4 }
    const { json } = await askJson(path, body)
    expect(json).toEqual({
      embedding: { values: data[0]?.embedding },
      usageMetadata: { promptTokenCount: 1, totalTokenCount: 1 },
    })
  })

  test('come in the envelopes of the pages', async () => {
    const [one] = (await embeddings.create({ model: 'simulator/echo', input: 'one', dimensions: 4 })).data
    const asked = { model: 'simulator/echo', input: ['one'], dimensions: 4 }
    const grid = await askJson(`${gateway.url}/v1/inference/embed`, asked)
    expect(grid.json).toMatchObject({
      status: 'ok',
      data: {
        object: 'list',
        data: [{ index: 0, embedding: one?.embedding }],
        model: 'simulator/echo',
        usage: { prompt_tokens: 1, total_tokens: 1 },
      },
    })
    const platform = await askJson(`${gateway.url}/api/v1/inference/embed`, {
      ...asked,
      providerId: 'simulator',
      model: 'echo',
    })
    expect(platform.json).toMatchObject({
      success: true,
      data: { embeddings: [one?.embedding], model: 'echo', usage: { inputTokens: 1 } },
    })
    const without = await askJson(`${gateway.url}/api/v1/inference/embed`, { input: 'x' })
    expect([without.status, without.json]).toMatchObject([400, { error: { message: 'model is required' } }])
  })
})

test('an answer with fewer vectors than inputs is none', async () => {
  gateway.upstream.answer('one-alone', (response, asked) =>
    asNumbers(response, { ...asked, body: JSON.stringify({ input: 'text 0' }) }),
  )
  const answer = await askJson(`${gateway.url}/v1/embeddings`, { model: 'up/one-alone', input: ['a', 'b'] })
  expect(answer.status).toBe(502)
})

function floats(base64: string): number[] {
  const bytes = Buffer.from(base64, 'base64')
  return Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4))
}

test('an answer in another order is put into that of the inputs, and one of unclear order is none', async () => {
  const first = { object: 'embedding', index: 1, embedding: [2, 2] }
  const answered = async (...data: object[]): Promise<unknown> => {
    gateway.upstream.answer('mixed', status(200, { object: 'list', data, model: 'mixed' }))
    const asked = { model: 'small/mixed', input: ['one', 'two'] }
    return (await askJson(`${gateway.url}/api/v1/inference/embed`, asked)).json
  }
  expect(await answered(first, { ...first, index: 0, embedding: [1, 1] })).toMatchObject({
    data: {
      embeddings: [
        [1, 1],
        [2, 2],
      ],
    },
  })
  expect(await answered(first, first)).toMatchObject({ error: { code: 'PROVIDER_ERROR' } })
})
