import { describe, expect, test } from 'vitest'
import { ask } from '../faults/client.ts'
import { pieces, status } from '../faults/upstream.ts'
import { saysDone, streamValues } from '../wire/case.ts'
import { askJson, sharedGateway } from './gateway.ts'

const gateway = await sharedGateway({
  providers: (url) => [{ name: 'ranks', type: 'cohere', base_url: url, env_var: 'UP_API_KEY' }],
})
const url = `${gateway.url}/v5/inference`

describe('arguments that the contract has no message for', () => {
  const args = { query: 'capital?', documents: ['Carson City', 'Saipan'], top_n: 1 }
  const answer = {
    id: 'r',
    results: [{ index: 1, relevance_score: 0.98 }],
    meta: { billed_units: { search_units: 1 } },
  }

  test('are answered by the model as it answers, and are in the log as what they are', async () => {
    gateway.upstream.answer('rerank-v3.5', status(200, answer))
    const headers = { 'x-request-id': 'ranked' }
    const { status: code, json } = await askJson(url, { model: 'ranks/rerank-v3.5', args }, headers)
    expect([code, json]).toEqual([200, { object: 'generic_inference', response: answer }])
    expect(JSON.parse(gateway.upstream.received('rerank-v3.5')[0]?.body ?? '')).toEqual({
      ...args,
      model: 'rerank-v3.5',
    })
    const [line] = await gateway.settled('ranked')
    expect(line).toMatchObject({ dialect: 'sgp', operation: 'infer', status: 'ok' })
  })

  test('come as a stream where the model streams them', async () => {
    const chunks = [{ n: 1 }, ['two'], 3]
    const frames = [...chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`), 'data: [DONE]\n\n']
    gateway.upstream.answer('my-moderation', pieces(frames, 'end'))
    const { text } = await ask(url, { model: 'up/my-moderation', args: { input: 'x', stream: true } })
    const wrapped = chunks.map((response) => ({ object: 'generic_inference.chunk', response }))
    expect(streamValues(text).map(({ value }) => value)).toEqual(wrapped)
    expect(saysDone(text)).toBe(true)
  })

  test('are refused where the provider has nothing for them, and name what it has', async () => {
    const { status: code, json } = await askJson(url, { model: 'up/gpt-5', args: { anything: 1 } })
    expect([code, json]).toEqual([400, { detail: expect.stringContaining('moderations') }])
    expect(gateway.upstream.received('gpt-5')).toEqual([])
  })

  test('can be asked over RPC too, by the name of the operation', async () => {
    gateway.upstream.answer('any-name', status(200, answer))
    const asked = { model: 'ranks/any-name', operation: 'rerank', args }
    const { response, usage } = await gateway.rpc.infer(asked)
    expect(response?.kind.case).toBe('structValue')
    expect(usage).toMatchObject({ inputTokens: 0, outputTokens: 0, estimated: false, raw: { search_units: 1 } })
    const events = await Array.fromAsync(gateway.rpc.streamInfer(asked))
    expect(events.map(({ event }) => event.case)).toEqual(['started', 'chunk', 'usage'])
  })
})

describe('a model', () => {
  const asked = async (model: string, args: object): Promise<unknown> => {
    const { status: code, json } = await askJson(url, { model, args })
    expect([code, json]).toEqual([200, { object: 'generic_inference', response: expect.anything() }])
    return (json as { response: unknown }).response
  }
  const streamed = async (model: string, args: object): Promise<unknown[]> => {
    const { text } = await ask(url, { model, args: { ...args, stream: true } })
    expect(saysDone(text)).toBe(true)
    return streamValues(text).map(({ value }) => (value as { response: unknown }).response)
  }

  test('for embeddings takes input, and answers as OpenAI does, to the letter where its upstream does', async () => {
    const own = {
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.5] }],
      usage: { prompt_tokens: 1, total_tokens: 1 },
      x: 1,
    }
    gateway.upstream.answer('text-embedding-3-small', status(200, own))
    const args = { input: 'x', dimensions: 1 }
    expect(await asked('up/text-embedding-3-small', args)).toEqual(own)
    expect(await streamed('up/text-embedding-3-small', args)).toEqual([own])
    const bodies = gateway.upstream.received('text-embedding-3-small').map(({ body }) => JSON.parse(body) as object)
    expect(bodies).toEqual([
      { ...args, model: 'text-embedding-3-small' },
      { ...args, model: 'text-embedding-3-small' },
    ])
    expect(await asked('simulator/echo', args)).toMatchObject({
      object: 'list',
      data: [{ embedding: [expect.any(Number)] }],
    })
  })

  test('that continues texts takes a prompt, and a stream of it ends with usage', async () => {
    const own = {
      id: 'c',
      object: 'text_completion',
      choices: [{ index: 0, text: ' upon', finish_reason: 'stop' }],
      x: 1,
    }
    gateway.upstream.answer('gpt-3.5-turbo-instruct', status(200, own))
    const args = { prompt: 'Once', max_tokens: 2 }
    expect(await asked('up/gpt-3.5-turbo-instruct', args)).toEqual(own)
    const [sent] = gateway.upstream.received('gpt-3.5-turbo-instruct')
    expect(JSON.parse(sent?.body ?? '')).toEqual({ ...args, model: 'gpt-3.5-turbo-instruct' })
    const text = '[simulated] You said: Once'
    expect(await asked('simulator/echo', { prompt: 'Once' })).toMatchObject({ choices: [{ text }] })
    const chunks = (await streamed('simulator/echo', { prompt: 'Once' })) as { choices: { text: string }[] }[]
    expect(chunks.flatMap(({ choices }) => choices.map((choice) => choice.text)).join('')).toBe(text)
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 5 } })
    const unwanted = await streamed('simulator/echo', { prompt: 'Once', stream_options: { include_usage: false } })
    expect(JSON.stringify(unwanted)).not.toContain('usage')
  })

  test('for images takes a prompt', async () => {
    const images = { created: 1, data: [{ b64_json: 'iVBORw0KGgo=' }] }
    gateway.upstream.answer('dall-e-3', status(200, images))
    expect(await asked('up/dall-e-3', { prompt: 'a cat' })).toEqual(images)
    expect(await streamed('up/dall-e-3', { prompt: 'a cat' })).toEqual([images])
    const drawn = await asked('simulator/echo', { prompt: 'a cat', size: '64x64' })
    expect(drawn).toMatchObject({ data: [{ b64_json: expect.stringMatching(/^iVBOR/) }] })
  })

  test('for speech takes input, and its sound is base64 in JSON', async () => {
    const args = { input: 'one two', voice: 'alloy', response_format: 'wav' }
    const whole = await asked('simulator/echo', args)
    expect(whole).toEqual({ audio: expect.stringMatching(/^UklGR/), media_type: 'audio/wav' })
    const chunks = (await streamed('simulator/echo', args)) as { type: string; audio?: string }[]
    expect(chunks.length).toBeGreaterThan(2)
    expect(chunks.at(-1)).toMatchObject({ type: 'speech.audio.done', usage: { total_tokens: expect.any(Number) } })
    const sound = Buffer.concat(chunks.map(({ audio = '' }) => Buffer.from(audio, 'base64')))
    expect(sound.toString('base64')).toBe((whole as { audio: string }).audio)
  })

  test('that writes speech down takes it as base64', async () => {
    const { audio } = (await asked('simulator/echo', { input: 'x', voice: 'a', response_format: 'wav' })) as {
      audio: string
    }
    expect(await asked('simulator/echo', { file: audio })).toMatchObject({ text: expect.any(String) })
    expect(await asked('simulator/echo', { file: audio, response_format: 'srt' })).toMatch(/^1\n00:00:00,000 --> /)
    const wrong = await askJson(url, { model: 'simulator/echo', args: { audio: '!' } })
    expect(wrong.status).toBe(422)
    expect(wrong.json).toMatchObject({ detail: [{ loc: ['body', 'args', 'audio'], input: '!' }] })
  })

  test('that nobody knows is asked as it is', async () => {
    const args = { anything: [1, { deep: null }] }
    expect(await asked('simulator/echo', args)).toEqual({ simulated: true, model: 'echo', args })
    expect(await streamed('simulator/echo', args)).toEqual([
      { simulated: true, model: 'echo', args: { ...args } },
      { simulated: true, model: 'echo', args: { stream: true } },
    ])
  })
})
