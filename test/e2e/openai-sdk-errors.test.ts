import type OpenAI from 'openai'
import {
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from 'openai'
import { describe, expect, test } from 'vitest'
import { soon } from '../faults/gateway.ts'
import { delta, frames, pieces, status, words } from '../faults/upstream.ts'
import { keyEntry, openaiSdk, saying, sharedGateway } from './gateway.ts'

const gateway = await sharedGateway({ config: { timeouts: { first_event: '1500ms' } } })
const guarded = await sharedGateway({
  config: {
    keys: [
      keyEntry('full', 'sk-full'),
      keyEntry('narrow', 'sk-narrow', { models: ['simulator/echo'] }),
      keyEntry('reader', 'sk-reader', { permissions: ['usage:read'] }),
    ],
  },
})
const client = openaiSdk(gateway)
const { completions } = client.chat
const echo = { model: 'simulator/echo', messages: saying('Hello there') }

/** What a call rejects with. */
async function failureOf(call: Promise<unknown>): Promise<APIError> {
  const failure: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(failure).toBeInstanceOf(APIError)
  return failure as APIError
}

describe('an error', () => {
  const asking = (model: string): Promise<unknown> => completions.create({ ...echo, model })

  test.each([
    ['status-400', 400, null, BadRequestError],
    ['status-404', 404, 'not_found', NotFoundError],
    ['status-408', 408, 'request_timeout', APIError],
    ['status-409', 409, 'conflict', ConflictError],
    ['status-413', 413, 'payload_too_large', APIError],
    ['status-422', 422, null, UnprocessableEntityError],
    ['status-429', 429, 'rate_limit_exceeded', RateLimitError],
    ['status-401', 502, 'provider_credential', InternalServerError],
    ['status-403', 502, 'provider_credential', InternalServerError],
    ['status-500', 502, 'provider_error', InternalServerError],
    ['status-503', 503, 'provider_unavailable', InternalServerError],
    ['status-529', 503, 'provider_unavailable', InternalServerError],
    ['hang', 504, 'timeout', InternalServerError],
    ['cut-after-2', 502, 'provider_interrupted', InternalServerError],
    ['unknown', 404, 'model_not_found', NotFoundError],
  ])('of the model %s raises the class of %i %s', async (model, httpStatus, code, kind) => {
    const error = await failureOf(asking(`simulator/${model}`))
    expect(error).toBeInstanceOf(kind)
    expect(error).toMatchObject({ status: httpStatus, code, requestID: expect.any(String) })
    expect(await gateway.settled(error.requestID ?? '')).toMatchObject([{ http_status: httpStatus }])
  })

  test('before the first event of a stream is raised with its status', async () => {
    const error = await failureOf(completions.create({ ...echo, model: 'simulator/status-503', stream: true }))
    expect(error).toBeInstanceOf(InternalServerError)
    expect(error.status).toBe(503)
  })

  test('of too many requests says when to come back', async () => {
    expect((await failureOf(asking('simulator/status-429'))).headers?.get('retry-after')).toBe('1')
  })

  test('of a model nobody has names it', async () => {
    const error = await failureOf(asking('no-such-model'))
    expect(error).toBeInstanceOf(NotFoundError)
    expect(error).toMatchObject({ code: 'model_not_found', param: 'model', type: 'invalid_request_error' })
    expect(error.message).toContain('no-such-model')
  })

  test('of a field names the field', async () => {
    const error = await failureOf(completions.create({ ...echo, temperature: 3 }))
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ param: 'temperature', type: 'invalid_request_error' })
  })

  test('of the upstream that the caller can act on keeps its words', async () => {
    const told = {
      message: 'too long',
      type: 'invalid_request_error',
      code: 'context_length_exceeded',
      param: 'messages',
    }
    gateway.upstream.answer('too-long', status(400, { error: told }))
    const error = await failureOf(asking('up/too-long'))
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error.error).toEqual(told)
  })

  test('of a part of the API that is not served says so', async () => {
    const image = new File(['x'], 'x.png')
    const calls = [
      () => client.fineTuning.jobs.list(),
      () => client.moderations.create({ input: 'x' }),
      () => client.images.edit({ image, prompt: 'x' }),
      () => client.images.createVariation({ image }),
      () => client.responses.retrieve('resp_1'),
      () => client.responses.cancel('resp_1'),
      () => client.chat.completions.retrieve('chatcmpl-1'),
      () => client.videos.remix('video_1', { prompt: 'x' }),
      () => client.post('/videos/edits', { body: {} }),
      () => client.get('/organization/usage/completions'),
      () => client.get('/skills'),
    ]
    for (const call of calls) {
      const error = await failureOf(Promise.resolve(call()))
      expect(error).toBeInstanceOf(NotFoundError)
      expect(error.message).toContain('not served by this gateway')
    }
  })

  test('of the key raises its own class', async () => {
    const by = (apiKey: string, model: string): Promise<unknown> =>
      openaiSdk(guarded, apiKey).chat.completions.create({ ...echo, model })
    const wrong = await failureOf(by('sk-wrong', echo.model))
    expect(wrong).toBeInstanceOf(AuthenticationError)
    expect(wrong).toMatchObject({ status: 401, type: 'authentication_error', code: 'invalid_api_key' })
    const foreign = await failureOf(by('sk-narrow', 'simulator/lorem'))
    expect(foreign).toBeInstanceOf(PermissionDeniedError)
    expect(foreign).toMatchObject({ status: 403, type: 'permission_error', param: 'model' })
    expect(await failureOf(by('sk-reader', echo.model))).toBeInstanceOf(PermissionDeniedError)
    expect(await by('sk-narrow', echo.model)).toHaveProperty('choices')
    expect(await by('sk-full', 'simulator/lorem')).toHaveProperty('choices')
  })
})

describe('a stream that is cut', () => {
  const read = async (model: string): Promise<{ chunks: OpenAI.ChatCompletionChunk[]; error: APIError }> => {
    const chunks: OpenAI.ChatCompletionChunk[] = []
    const stream = await completions.create({ ...echo, model, stream: true })
    const error = await failureOf(Array.fromAsync(stream, (chunk) => chunks.push(chunk)))
    return { chunks, error }
  }

  test.each([
    ['cut-after-3', 'provider_interrupted'],
    ['error-after-3', 'provider_error'],
  ])('raises after what had come: %s', async (model, code) => {
    const { chunks, error } = await read(`simulator/${model}`)
    expect(error).toMatchObject({ code, type: 'server_error' })
    expect(chunks).toHaveLength(3)
  })

  test('by the upstream raises as well', async () => {
    gateway.upstream.answer('cut', pieces(frames.slice(0, 2), 'cut'))
    const { chunks, error } = await read('up/cut')
    expect(error).toMatchObject({ code: 'provider_interrupted' })
    expect(chunks.map(({ choices }) => choices[0]?.delta.content)).toEqual(words.slice(0, 2))
  })

  test('raises in the stream helper', async () => {
    const stream = completions.stream({ ...echo, model: 'simulator/cut-after-3' })
    expect(await failureOf(stream.finalChatCompletion())).toMatchObject({ code: 'provider_interrupted' })
  })
})

describe('a client that gives up', () => {
  const stalled = pieces([delta('one '), delta('two ')], 'hang')
  const upstreamLeft = async (model: string): Promise<void> => {
    const [received] = gateway.upstream.received(model)
    await soon(received?.left ?? Promise.reject(new Error(`nobody asked for ${model}`)), 'leaving the upstream')
  }

  test('by an abort closes the upstream within a second', async () => {
    gateway.upstream.answer('aborted', stalled)
    const controller = new AbortController()
    const asked = { ...echo, model: 'up/aborted', stream: true } as const
    const stream = await completions.create(asked, { signal: controller.signal })
    const chunks: OpenAI.ChatCompletionChunk[] = []
    for await (const chunk of stream) if (chunks.push(chunk) === 2) controller.abort()
    const [received] = gateway.upstream.received('aborted')
    await soon(received?.left ?? Promise.reject(new Error('nothing was asked')), 'the abort')
  })

  test('by leaving the loop closes the upstream within a second', async () => {
    gateway.upstream.answer('left', stalled)
    for await (const _chunk of await completions.create({ ...echo, model: 'up/left', stream: true })) break
    await upstreamLeft('left')
  })

  test('while it waits for a whole answer closes the upstream within a second', async () => {
    gateway.upstream.answer('waiting', () => undefined)
    const controller = new AbortController()
    const call = completions.create({ ...echo, model: 'up/waiting' }, { signal: controller.signal })
    await expect.poll(() => gateway.upstream.received('waiting').length).toBe(1)
    controller.abort()
    expect(await failureOf(call)).toBeInstanceOf(APIUserAbortError)
    await upstreamLeft('waiting')
  })

  test("by its own timeout raises the SDK's own error, and is logged as one who left", async () => {
    const headers = { 'x-request-id': 'impatient' }
    const call = completions.create({ ...echo, model: 'simulator/hang' }, { timeout: 1000, headers })
    expect(await failureOf(call)).toBeInstanceOf(APIConnectionTimeoutError)
    expect(await gateway.settled('impatient')).toMatchObject([{ status: 'cancelled', http_status: 499 }])
  })
})

describe('retries of the SDK', () => {
  const asking = (model: string): Promise<APIError> =>
    failureOf(completions.create({ ...echo, model: `up/${model}` }, { maxRetries: 1 }))

  test('are made where they may help', async () => {
    gateway.upstream.answer('busy', status(503, {}, { 'retry-after': '0' }))
    expect(await asking('busy')).toBeInstanceOf(InternalServerError)
    expect(gateway.upstream.received('busy')).toHaveLength(2)
  })

  test.each([
    ['refused', 401, { message: 'bad key', code: 'invalid_api_key' }],
    ['spent', 429, { message: 'no money left', code: 'insufficient_quota' }],
  ])('are stopped where they are useless: %s', async (model, code, error) => {
    gateway.upstream.answer(model, status(code, { error }))
    const failure = await asking(model)
    expect(failure.headers?.get('x-should-retry')).toBe('false')
    expect(gateway.upstream.received(model)).toHaveLength(1)
  })
})
