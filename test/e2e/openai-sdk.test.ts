import type OpenAI from 'openai'
import { NotFoundError } from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { consumed, said, status, well, whole } from '../faults/upstream.ts'
import { openaiSdk, saying, sharedGateway } from './gateway.ts'

const gateway = await sharedGateway({
  providers: (url) => [{ name: 'plain', type: 'deepseek', base_url: url, env_var: 'UP_API_KEY' }],
})
const client = openaiSdk(gateway)
const { completions } = client.chat
const echo = { model: 'simulator/echo', messages: saying('Hello there') }

const textOf = (chunks: readonly OpenAI.ChatCompletionChunk[]): string =>
  chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')

describe('an answer', () => {
  test('comes whole, with its usage and the id it has in the log', async () => {
    const completion = await completions.create(echo)
    expect(completion).toMatchObject({
      object: 'chat.completion',
      model: 'echo',
      choices: [
        {
          index: 0,
          finish_reason: 'stop',
          message: { role: 'assistant', content: '[simulated] You said: Hello there' },
        },
      ],
      usage: { prompt_tokens: 2, completion_tokens: 5, total_tokens: 7, cache_read_input_tokens: 0 },
    })
    expect(completion._request_id).toBeTruthy()
    const lines = await gateway.settled(completion._request_id ?? '')
    expect(lines).toMatchObject([{ dialect: 'openai', alias: echo.model, input_tokens: 2, output_tokens: 5 }])
  })

  test('comes as a stream that names the role first and the reason last', async () => {
    const chunks = await Array.fromAsync(await completions.create({ ...echo, stream: true }))
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant')
    expect(textOf(chunks)).toBe('[simulated] You said: Hello there')
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop')
    expect(chunks.every(({ usage }) => usage === undefined)).toBe(true)
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
  })

  test('comes with the usage in a last chunk of its own when that is asked for', async () => {
    const asked = { ...echo, stream: true, stream_options: { include_usage: true } } as const
    const chunks = await Array.fromAsync(await completions.create(asked))
    const last = chunks.pop()
    expect(last).toMatchObject({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 5, total_tokens: 7 } })
    expect(chunks.every(({ usage }) => usage === null)).toBe(true)
  })

  test('is put together by the stream helper as it is told whole', async () => {
    const request = { ...echo, model: 'simulator/lorem?tokens=30', n: 2, seed: 7 }
    const { choices } = await completions.stream(request).finalChatCompletion()
    const told = await completions.create(request)
    expect(choices.map(({ message }) => message.content)).toEqual(told.choices.map(({ message }) => message.content))
    expect(choices).toHaveLength(2)
  })

  test.each([[false], [true]])('of an upstream that speaks the same comes as it was: stream %s', async (stream) => {
    gateway.upstream.answer('as-it-was', stream ? well : status(200, { ...whole, x_vendor: { kept: 1 } }))
    const request = { model: 'up/as-it-was', messages: saying('x'), x_unknown: 'sent on' }
    if (stream) {
      const chunks = await Array.fromAsync(await completions.create({ ...request, stream: true }))
      expect(textOf(chunks)).toBe(said)
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: consumed })
    } else {
      expect(await completions.create(request)).toMatchObject({ ...whole, x_vendor: { kept: 1 } })
    }
    const sent = JSON.parse(gateway.upstream.received('as-it-was').at(-1)?.body ?? '') as object
    expect(sent).toMatchObject({ model: 'as-it-was', messages: saying('x'), x_unknown: 'sent on' })
  })
})

const parameters = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1 } },
  required: ['city', 'days'],
}

/** A tool for the runners of the SDK, and what it was called with. */
function weather() {
  const asked: { city: string; days: number }[] = []
  const run = (given: { city: string; days: number }): string => {
    asked.push(given)
    return `sunny for ${given.days} days`
  }
  const parse = (text: string): { city: string; days: number } => JSON.parse(text) as { city: string; days: number }
  const definition = { name: 'weather', description: 'Tells the weather', parameters, function: run, parse }
  return { asked, tools: [{ type: 'function' as const, function: definition }] }
}

describe('tools', () => {
  test('are run by the runner until the model has the result', async () => {
    const { asked, tools } = weather()
    const runner = completions.runTools({ ...echo, tools })
    expect(await runner.finalContent()).toBe('[simulated] The tool answered: sunny for 1 days')
    expect(asked).toEqual([{ city: expect.any(String), days: 1 }])
    expect(runner.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant'])
  })

  test('are run by the streaming runner as well', async () => {
    const { asked, tools } = weather()
    const runner = completions.runTools({ ...echo, tools, stream: true })
    const pieces: string[] = []
    runner.on('content', (piece) => pieces.push(piece))
    expect(await runner.finalContent()).toBe('[simulated] The tool answered: sunny for 1 days')
    expect(pieces.length).toBeGreaterThan(1)
    expect(asked).toHaveLength(1)
    expect(await runner.finalFunctionToolCall()).toMatchObject({ name: 'weather' })
  })

  test.each([[false], [true]])('may be called two at a time: stream %s', async (stream) => {
    const { asked, tools } = weather()
    const request = { ...echo, model: 'simulator/echo?calls=2', tools }
    const runner = stream ? completions.runTools({ ...request, stream }) : completions.runTools({ ...request, stream })
    expect(await runner.finalContent()).toContain('sunny for 2 days')
    expect(asked).toHaveLength(2)
  })

  test('a choice of none is kept to', async () => {
    const { choices } = await completions.create({ ...echo, tools: weather().tools, tool_choice: 'none' })
    expect(choices).toMatchObject([{ finish_reason: 'stop', message: { content: expect.stringContaining('Hello') } }])
  })
})

describe('a response format', () => {
  const answer = z.object({
    steps: z.array(z.object({ explanation: z.string(), result: z.number() })),
    final: z.enum(['yes', 'no']),
  })

  test('json_object gives an object', async () => {
    const { choices } = await completions.create({ ...echo, response_format: { type: 'json_object' } })
    expect(JSON.parse(choices[0]?.message.content ?? '')).toMatchObject({ simulated: true })
  })

  test('json_schema gives what the schema says, parsed by the SDK', async () => {
    const completion = await completions.parse({ ...echo, response_format: zodResponseFormat(answer, 'answer') })
    const parsed = completion.choices[0]?.message.parsed
    expect(answer.safeParse(parsed).success).toBe(true)
  })

  test('json_schema is parsed from a stream too', async () => {
    const stream = completions.stream({ ...echo, response_format: zodResponseFormat(answer, 'answer') })
    const completion = await stream.finalChatCompletion()
    expect(answer.safeParse(completion.choices[0]?.message.parsed).success).toBe(true)
  })

  test('json_schema is any object to a model that follows none, which the head of the answer says', async () => {
    gateway.upstream.answer('no-schema', status(200, whole))
    const asked = { ...echo, model: 'plain/no-schema', response_format: zodResponseFormat(answer, 'answer') }
    const { response } = await completions.create(asked).withResponse()
    expect(response.headers.get('x-switchyard-dropped')).toBe('response_format.json_schema')
    expect(JSON.parse(gateway.upstream.received('no-schema').at(-1)?.body ?? '')).toMatchObject({
      response_format: { type: 'json_object' },
    })
    const strict = completions.create(asked, { headers: { 'x-switchyard-strict': 'true' } })
    await expect(strict).rejects.toMatchObject({ status: 400, param: 'response_format.json_schema' })
  })
})

describe('models', () => {
  test('are listed, and each of the list can be retrieved', async () => {
    const models = await Array.fromAsync(client.models.list())
    const names = models.map(({ id }) => id)
    expect(names).toEqual(expect.arrayContaining(['simulator/echo', 'simulator/lorem?tokens=200&tps=50', 'up/gpt-4o']))
    for (const model of models) expect(await client.models.retrieve(model.id)).toEqual(model)
  })

  test('one that is listed is found by its own name as well, as it may be asked for', async () => {
    const listed = await client.models.retrieve('up/gpt-4o')
    expect(await client.models.retrieve('gpt-4o')).toEqual({ ...listed, id: 'gpt-4o' })
  })

  test('one that is not there is not found', async () => {
    // The last is of a family that a provider claims, and was never listed.
    for (const name of ['nobody/none', 'none', 'gpt-none'])
      await expect(client.models.retrieve(name)).rejects.toThrow(NotFoundError)
  })
})
