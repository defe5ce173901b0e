import { describe, expect, test } from 'vitest'
import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { GenerateFold } from '../../src/model/generated.ts'
import { pieces, status } from '../faults/upstream.ts'
import { streamValues } from '../wire/case.ts'
import { askJson, openaiSdk, sharedGateway } from './gateway.ts'

const raw = (url: string): object => ({
  name: 'raw',
  type: 'openai',
  base_url: url,
  env_var: 'UP_API_KEY',
  settings: { options: { completes: ['instruct*'] } },
})
const gateway = await sharedGateway({ providers: (url) => [raw(url)] })
const { completions } = openaiSdk(gateway)
const echo = { model: 'simulator/echo', prompt: 'Hello there' }
const said = '[simulated] You said: Hello there'

const chunk = (text: string, finish: string | null = null, more: object = {}): string =>
  `data: ${JSON.stringify({ id: 'cmpl-1', object: 'text_completion', created: 1, model: 'instruct', choices: [{ text, index: 0, logprobs: { tokens: [text] }, finish_reason: finish }], ...more })}\n\n`
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }

describe('a raw completion of a model that only chats', () => {
  test('comes whole to the SDK, and is logged as what was asked', async () => {
    const answer = await completions.create(echo)
    expect(answer).toMatchObject({
      object: 'text_completion',
      model: 'echo',
      choices: [{ index: 0, text: said, finish_reason: 'stop', logprobs: null }],
      usage: { prompt_tokens: 2, completion_tokens: 5, total_tokens: 7 },
    })
    const lines = await gateway.settled(String(answer._request_id))
    expect(lines).toMatchObject([{ operation: 'generate', dialect: 'openai', input_tokens: 2, output_tokens: 5 }])
  })

  test('comes as a stream, with its usage where that is asked for', async () => {
    const asked = { ...echo, stream: true, stream_options: { include_usage: true } } as const
    const chunks = await Array.fromAsync(await completions.create(asked))
    expect(chunks.map(({ choices }) => choices[0]?.text ?? '').join('')).toBe(said)
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop')
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 5 } })
    const plain = await Array.fromAsync(await completions.create({ ...echo, stream: true }))
    expect(plain.every((one) => !('usage' in one))).toBe(true)
  })

  test.each([[false], [true]])('joins the chats of several prompts, in order: stream %s', async (stream) => {
    const asked = { model: 'simulator/echo', prompt: ['one', 'two'], n: 2, echo: true, seed: 1, stop: ['never'] }
    const answers = stream
      ? await Array.fromAsync(await completions.create({ ...asked, stream, stream_options: { include_usage: true } }))
      : [await completions.create(asked)]
    const texts = ['', '', '', '']
    for (const { choices } of answers) for (const { index, text } of choices) texts[index] += text
    const expected = ['one', 'one', 'two', 'two'].map((text) => `${text}[simulated] You said: ${text}`)
    expect(texts).toEqual(expected)
    expect(answers.at(-1)?.usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 16 })
  })

  test.each([
    ['suffix', { suffix: ' the end' }],
    ['logprobs', { logprobs: 2 }],
    ['prompt', { prompt: [1, 2] }],
  ])('refuses what would change the answer: %s', async (param, fields) => {
    const answer = await askJson(`${gateway.url}/v1/completions`, { ...echo, ...fields })
    expect([answer.status, answer.json]).toMatchObject([400, { error: { param, type: 'invalid_request_error' } }])
  })

  test('names what it cannot do otherwise', async () => {
    const answer = await askJson(`${gateway.url}/v1/completions`, { ...echo, best_of: 3, x_unknown: 1 })
    expect(answer.status).toBe(200)
    expect(String(answer.headers['x-switchyard-dropped']).split(', ').toSorted()).toEqual(['best_of', 'x_unknown'])
  })

  test('comes over RPC, whole and as events that spell the same', async () => {
    const request = { model: 'simulator/echo', prompts: [{ kind: { case: 'text', value: 'Hello there' } }] } as const
    const whole = await gateway.rpc.generate({ ...request, prompts: [...request.prompts] })
    const fold = new GenerateFold()
    for await (const event of gateway.rpc.streamGenerate({ ...request, prompts: [...request.prompts] }))
      fold.add([event])
    const choices = [{ index: 0, text: said, finishReason: FinishReason.STOP }]
    expect(whole).toMatchObject({ choices, usage: { inputTokens: 2, outputTokens: 5 } })
    expect(fold.response()).toMatchObject({ choices, usage: { inputTokens: 2, outputTokens: 5 } })
  })
})

describe('a raw completion of a model that makes them', () => {
  test('is handed through as it was, whole', async () => {
    const body = `{"id":"cmpl-1","choices":[{"text":" four","index":0,"logprobs":{"tokens":[" four"]},"finish_reason":"stop"}],"object":"text_completion","created":1,"model":"instruct","usage":${JSON.stringify(usage)},"x_vendor":1}`
    gateway.upstream.answer('instruct', status(200, body, { 'content-type': 'application/json' }))
    const asked = { model: 'raw/instruct', prompt: [1, 2], suffix: '.', logprobs: 1, x_unknown: 'sent on' }
    const answer = await askJson(`${gateway.url}/v1/completions`, asked)
    expect(answer.text).toBe(body)
    const sent = gateway.upstream.received('instruct').at(-1)?.body ?? ''
    expect(JSON.parse(sent)).toEqual({ ...asked, model: 'instruct' })
  })

  test('is handed through chunk by chunk', async () => {
    const chunks = [chunk(' fo'), chunk('ur', 'length')]
    const last = `data: ${JSON.stringify({ id: 'cmpl-1', object: 'text_completion', choices: [], usage })}\n\n`
    gateway.upstream.answer('instruct-s', pieces([...chunks, last, 'data: [DONE]\n\n'], 'end'))
    const asked = { model: 'raw/instruct-s', prompt: 'two and two is', stream: true } as const
    const got = await Array.fromAsync(await completions.create(asked))
    expect(got).toEqual(streamValues([...chunks, last].join('')).map(({ value }) => value))
  })

  test('that breaks off never ends like a good one', async () => {
    gateway.upstream.answer('instruct-b', pieces([chunk(' fo'), chunk('ur')], 'cut'))
    const asked = { model: 'raw/instruct-b', prompt: 'x', stream: true } as const
    const stream = await completions.create(asked)
    await expect(Array.fromAsync(stream)).rejects.toThrow('broke off')
  })
})

describe('scaigrid', () => {
  const path = `${gateway.url}/v1/inference/generate`

  test('generates whole, in its envelope', async () => {
    const { json } = await askJson(path, { ...echo, max_tokens: 4, temperature: 0.8, stop: ['THE END'], seed: 42 })
    expect(json).toMatchObject({
      status: 'ok',
      data: {
        model: 'simulator/echo',
        choices: [{ index: 0, text: '[simulated] You said: Hello', finish_reason: 'length' }],
        usage: { prompt_tokens: 2, completion_tokens: 4 },
      },
      meta: { request_id: expect.any(String) },
    })
  })

  test('generates as a stream of chunks', async () => {
    const answer = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...echo, stream: true }),
    })
    const text = await answer.text()
    const chunks = streamValues(text) as { value: { choices: { text: string }[] } }[]
    expect(chunks.map(({ value }) => value.choices[0]?.text ?? '').join('')).toBe(said)
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  })
})

test.each([
  ['no prompt', { prompt: undefined }, 'prompt'],
  ['an empty list of prompts', { prompt: [] }, 'prompt'],
  ['token ids that are none', { prompt: [[-1]] }, 'prompt'],
  ['more log probabilities than there are', { logprobs: 6 }, 'logprobs'],
  ['a limit that is no number', { max_tokens: 'many' }, 'max_tokens'],
])('a request with %s is refused', async (_name, fields, param) => {
  const answer = await askJson(`${gateway.url}/v1/completions`, { ...echo, ...fields })
  expect([answer.status, answer.json]).toMatchObject([400, { error: { param: expect.stringContaining(param) } }])
})
