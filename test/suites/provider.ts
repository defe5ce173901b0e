import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  type ChatRequest,
  type ChatResponse,
  FinishReason,
  Role,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import { collect, fail, GatewayError, type Provider } from '#provider'
import { ask, chat, contextFor, failureOf, partsOf, textOf, until } from './asking.ts'

/** A provider as a suite gets it. */
export interface OpenedProvider extends AsyncDisposable {
  readonly provider: Provider
  /** How many answers are being made right now, at the far end. */
  readonly running: () => number
}

const weather = {
  type: 'object' as const,
  properties: {
    city: { type: 'string' as const },
    unit: { type: 'string' as const, enum: ['celsius', 'kelvin'] },
    days: { type: 'integer' as const, minimum: 2, maximum: 9 },
    note: { type: 'string' as const },
  },
  required: ['city', 'unit', 'days'],
}
const weatherTool = { kind: { case: 'function' as const, value: { name: 'weather', parameters: weather } } }

/** What every provider keeps to, wherever it runs: told with the simulator's models. */
export function providerSuite(name: string, open: () => Promise<OpenedProvider>): void {
  describe(name, () => {
    test('answers with text, whole and as a stream alike', () =>
      inBothWays(open, ask('echo', 'hello there'), (response) => {
        expect(partsOf(response)).toMatchObject([
          { case: 'text', value: { text: '[simulated] You said: hello there' } },
        ])
        expect(response).toMatchObject({ model: 'echo', id: expect.stringMatching(/^sim-/) })
        expect(response.choices).toMatchObject([{ finishReason: FinishReason.STOP, upstreamReason: 'stop' }])
      }))

    test('streams events in the documented order, as they are made', async () => {
      await using opened = await open()
      const sizes: number[] = []
      const cases: unknown[] = []
      for await (const batch of chat(opened.provider, ask('echo', 'one two three'))) {
        sizes.push(batch.length)
        cases.push(...batch.map(({ event }) => event.case))
      }
      expect(cases).toEqual(['started', ...Array.from({ length: 6 }, () => 'textDelta'), 'finished', 'usage'])
      expect(sizes.length).toBeGreaterThan(6)
    })

    test('calls a tool with arguments that fit its schema', () =>
      inBothWays(open, ask('echo', 'what is the weather?', { tools: [weatherTool] }), (response) => {
        expect(response.choices[0]?.finishReason).toBe(FinishReason.TOOL_CALLS)
        expect(partsOf(response).map((part) => part.case)).toEqual(['toolCall'])
        const [call] = toolCalls(response)
        expect(call).toMatchObject({ name: 'weather', id: expect.stringMatching(/^call_/) })
        expect(JSON.parse(call?.argumentsJson ?? '')).toEqual({ city: 'simulated city', unit: 'celsius', days: 2 })
      }))

    test('calls several tools at once', () =>
      inBothWays(open, ask('echo?calls=2', 'compare', { tools: [weatherTool] }), (response) => {
        const calls = toolCalls(response)
        expect(calls.map((call) => call.name)).toEqual(['weather', 'weather'])
        expect(new Set(calls.map((call) => call.id)).size).toBe(2)
        for (const call of calls)
          expect(z.fromJSONSchema(weather).safeParse(JSON.parse(call.argumentsJson)).success).toBe(true)
      }))

    test('answers once it has the results of its tools', () =>
      inBothWays(
        open,
        ask('echo', '', {
          tools: [weatherTool],
          messages: [
            { role: Role.USER, parts: [{ kind: { case: 'text', value: { text: 'weather?' } } }] },
            {
              role: Role.ASSISTANT,
              parts: [{ kind: { case: 'toolCall', value: { id: 'c1', name: 'weather', argumentsJson: '{}' } } }],
            },
            {
              role: Role.TOOL,
              parts: [
                {
                  kind: {
                    case: 'toolResult',
                    value: { toolCallId: 'c1', parts: [{ kind: { case: 'text', value: { text: '21 degrees' } } }] },
                  },
                },
              ],
            },
          ],
        }),
        (response) => {
          expect(textOf(response)).toBe('[simulated] The tool answered: 21 degrees')
          expect(response.choices[0]?.finishReason).toBe(FinishReason.STOP)
        },
      ))

    test('calls no tool when told so', () =>
      inBothWays(open, ask('echo', 'hi', { tools: [weatherTool], toolChoice: { mode: Mode.NONE } }), (response) => {
        expect(toolCalls(response)).toEqual([])
      }))

    test('answers in the structure that was asked for', () =>
      inBothWays(
        open,
        ask('echo', 'as JSON', {
          responseFormat: { kind: { case: 'jsonSchema', value: { name: 'weather', schema: weather } } },
        }),
        (response) => {
          expect(JSON.parse(textOf(response))).toEqual({ city: 'simulated city', unit: 'celsius', days: 2 })
          expect(response.systemFingerprint).toBe('simulated')
        },
      ))

    test('reasons before it answers, and counts it', () =>
      inBothWays(open, ask('echo', 'think', { reasoning: { effort: 'low' } }), (response) => {
        expect(partsOf(response)).toMatchObject([
          {
            case: 'reasoning',
            value: { text: expect.stringContaining('[simulated]'), signature: { vendor: 'simulator' } },
          },
          { case: 'text' },
        ])
        expect(response.usage).toMatchObject({ reasoningTokens: 8, outputTokens: 12 })
      }))

    test('reports what was used', () =>
      inBothWays(open, ask('lorem?tokens=20', 'count these four words', { seed: 7n }), (response) => {
        expect(response.usage).toMatchObject({ inputTokens: 4, outputTokens: 20, reasoningTokens: 0, estimated: false })
      }))

    test('gives as many answers as were asked for', () =>
      inBothWays(open, ask('lorem?tokens=5', 'twice', { n: 2 }), (response) => {
        expect(response.choices.map((choice) => choice.index)).toEqual([0, 1])
        expect(response.usage?.outputTokens).toBe(10)
      }))

    test('names the fields it could not carry', () =>
      inBothWays(
        open,
        ask('echo', 'hi', { audio: { voice: 'alto' }, source: { dialect: 'other', untranslated: ['top_a'] } }),
        (response) => {
          expect(response.dropped).toEqual(['top_a', 'audio'])
        },
      ))

    test('ends the upstream when a call is aborted before its first event', async () => {
      await using opened = await open()
      for (const streaming of [true, false]) {
        const controller = new AbortController()
        const failed = failureOf(chat(opened.provider, ask('hang', 'hi'), { signal: controller.signal, streaming }))
        await until(() => opened.running() === 1)
        controller.abort(fail('client_closed', 'the client left'))
        const { events, error } = await failed
        expect(events).toEqual([])
        expect(error).toMatchObject({ reason: 'client_closed' })
        await until(() => opened.running() === 0)
      }
    })

    test('ends the upstream when a stream is aborted in its middle', async () => {
      await using opened = await open()
      const controller = new AbortController()
      const reason = fail('timeout', 'too slow', { timer: 'between_events' })
      const events = chat(opened.provider, ask('hang-after-2', 'hi'), { signal: controller.signal })[
        Symbol.asyncIterator
      ]()
      for (const expected of ['started', 'textDelta', 'textDelta']) {
        expect((await events.next()).value?.[0]?.event.case).toBe(expected)
      }
      expect(opened.running()).toBe(1)
      const next = events.next()
      controller.abort(reason)
      await expect(next).rejects.toBe(reason)
      await until(() => opened.running() === 0)
    })

    test('ends the upstream when a stream is left', async () => {
      await using opened = await open()
      for await (const [first] of chat(opened.provider, ask('lorem?tokens=10000&tps=100', 'hi'))) {
        expect(first?.event.case).toBe('started')
        break
      }
      await until(() => opened.running() === 0)
    })

    test.each([
      ['status-400', 'invalid_request', false],
      ['status-401', 'provider_credential', false],
      ['status-404', 'not_found', false],
      ['status-409', 'conflict', true],
      ['status-413', 'payload_too_large', false],
      ['status-422', 'unprocessable', false],
      ['status-429', 'rate_limited', true],
      ['status-500', 'provider_error', true],
      ['status-529', 'provider_unavailable', true],
      ['no-such-model', 'model_not_found', false],
    ])('keeps the reason of an error: %s is %s', async (model, reason, retryable) => {
      await using opened = await open()
      for (const streaming of [true, false]) {
        const { events, error } = await failureOf(chat(opened.provider, ask(model, 'hi'), { streaming }))
        expect(events).toEqual([])
        expect(error).toBeInstanceOf(GatewayError)
        expect(error).toMatchObject({ reason, retryable })
        if (reason === 'rate_limited') expect(error).toMatchObject({ details: { retryAfterSeconds: 1 } })
      }
    })

    test('refuses in strict mode what it could not carry, naming it', async () => {
      await using opened = await open()
      const request = ask('echo', 'hi', { strict: true, source: { dialect: 'other', untranslated: ['top_a'] } })
      const { error } = await failureOf(chat(opened.provider, request))
      expect(error).toMatchObject({ reason: 'unsupported_field', details: { param: 'top_a' } })
      expect((error as Error).message).toContain('top_a')
    })

    test('shows what there was before an answer broke off', async () => {
      await using opened = await open()
      for (const [model, reason] of [
        ['cut-after-2', 'provider_interrupted'],
        ['error-after-2', 'provider_error'],
      ] as const) {
        const streamed = await failureOf(chat(opened.provider, ask(model, 'hi')))
        expect(streamed.events.map(({ event }) => event.case)).toEqual(['started', 'textDelta', 'textDelta'])
        expect(streamed.error).toMatchObject({ reason })
        const whole = await failureOf(chat(opened.provider, ask(model, 'hi'), { streaming: false }))
        expect(whole.events).toEqual([])
        expect(whole.error).toMatchObject({ reason })
      }
    })

    test('lists its models', async () => {
      await using opened = await open()
      const ids: unknown[] = []
      for await (const model of opened.provider.listModels?.(contextFor()) ?? []) ids.push(model.id)
      expect(ids).toEqual(expect.arrayContaining(['echo', 'lorem', 'status-429', 'hang']))
    })
  })
}

/** Checks the answer to one request, asked for whole and as a stream. */
async function inBothWays(
  open: () => Promise<OpenedProvider>,
  request: ChatRequest,
  check: (response: ChatResponse) => void,
): Promise<void> {
  await using opened = await open()
  check(await collect(chat(opened.provider, request, { streaming: false })))
  check(await collect(chat(opened.provider, request, { streaming: true })))
  expect(opened.running()).toBe(0)
}

function toolCalls(response: ChatResponse) {
  const parts = response.choices[0]?.message?.parts ?? []
  return parts.flatMap(({ kind }) => (kind.case === 'toolCall' ? [kind.value] : []))
}
