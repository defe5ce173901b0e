import { describe, expect, test } from 'vitest'
import { type CallContext, collect, type Host, type Provider } from '#provider'
import { FinishReason, Role, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import { ask, chat, contextFor, failureOf, partsOf, textOf } from '../../test/suites/asking.ts'
import simulator from './index.ts'
import { tokensOf } from './tokens.ts'

const host: Host = { name: 'simulator', egress: contextFor().egress, log: contextFor().log }
const provider: Provider = await simulator.create({ baseUrl: '', own: {} }, host)

const answer = (request: ReturnType<typeof ask>, given?: Partial<CallContext>) =>
  collect(chat(provider, request, given))
const text = (value: string) => ({ kind: { case: 'text' as const, value: { text: value } } })
const tool = (name: string) => ({ kind: { case: 'function' as const, value: { name } } })

describe('what it says', () => {
  test('echo repeats the last text of the user, whatever came after it', async () => {
    const request = ask('echo', '', {
      messages: [
        { role: Role.SYSTEM, parts: [text('be brief')] },
        { role: Role.USER, parts: [text('first')] },
        { role: Role.USER, parts: [text('se'), text('cond')] },
        { role: Role.ASSISTANT, parts: [text('what?')] },
      ],
    })
    expect(textOf(await answer(request))).toBe('[simulated] You said: second')
    const silent = ask('echo', '', { messages: [{ role: Role.SYSTEM, parts: [text('be brief')] }] })
    expect(textOf(await answer(silent))).toBe('[simulated] You said nothing.')
  })

  test('lorem has exactly as many tokens as were asked for, and is the same for the same seed', async () => {
    const first = await answer(ask('lorem?tokens=30', 'go', { seed: 5n }))
    const again = await answer(ask('lorem?tokens=30', 'go', { seed: 5n }))
    const other = await answer(ask('lorem?tokens=30', 'go', { seed: 6n }))
    expect(first.usage?.outputTokens).toBe(30)
    expect(textOf(first)).toMatch(/^\[simulated\] [a-z ]+$/)
    expect(textOf(again)).toBe(textOf(first))
    expect(again.id).toBe(first.id)
    expect(textOf(other)).not.toBe(textOf(first))
    expect(other.id).not.toBe(first.id)
    expect((await answer(ask('lorem', 'go'))).usage?.outputTokens).toBe(50)
  })

  test('several choices of lorem differ', async () => {
    const { choices } = await answer(ask('lorem?tokens=20', 'go', { n: 3 }))
    const texts = choices.map(({ message }) => message?.parts[0]?.kind.value)
    expect(new Set(texts.map((part) => JSON.stringify(part))).size).toBe(3)
  })

  test('a stop sequence ends the text before it, and is named', async () => {
    const { choices, ...response } = await answer(ask('echo', 'one two three', { stop: ['three', ' two'] }))
    expect(textOf({ ...response, choices })).toBe('[simulated] You said: one')
    expect(choices).toMatchObject([{ finishReason: FinishReason.STOP, stopSequence: ' two' }])
  })

  test('the limit cuts reasoning and text, and says so', async () => {
    const cut = await answer(ask('echo', 'one two three', { maxOutputTokens: 4 }))
    expect(textOf(cut)).toBe('[simulated] You said: one')
    expect(cut.choices[0]?.finishReason).toBe(FinishReason.LENGTH)
    expect(cut.usage?.outputTokens).toBe(4)
    const thought = await answer(ask('echo', 'one', { maxOutputTokens: 4, reasoning: { effort: 'high' } }))
    expect(partsOf(thought).map((part) => part.case)).toEqual(['reasoning'])
    expect(thought.usage).toMatchObject({ outputTokens: 4, reasoningTokens: 4 })
    const fits = await answer(ask('echo', 'one', { maxOutputTokens: 4 }))
    expect(fits.choices[0]?.finishReason).toBe(FinishReason.STOP)
  })

  test('reasoning keeps to its budget, and effort none means none', async () => {
    const brief = await answer(ask('echo', 'hi', { reasoning: { effort: 'high', budgetTokens: 3 } }))
    expect(brief.usage?.reasoningTokens).toBe(3)
    const none = await answer(ask('echo', 'hi', { reasoning: { effort: 'none' } }))
    expect(partsOf(none).map((part) => part.case)).toEqual(['text'])
  })

  test('a JSON object is asked for and given', async () => {
    const request = ask('echo', 'hi', { responseFormat: { kind: { case: 'jsonObject', value: {} } } })
    expect(JSON.parse(textOf(await answer(request)))).toEqual({ simulated: true, answer: '[simulated] You said: hi' })
  })

  test('the whole answer comes as one batch', async () => {
    const batches: unknown[] = []
    for await (const batch of chat(provider, ask('echo', 'one two'), { streaming: false })) batches.push(batch)
    expect(batches).toHaveLength(1)
  })

  test('tokens are counted as README.md says', () => {
    expect(tokensOf('one  two\nthree ')).toEqual(['one', '  two', '\nthree', ' '])
    expect(tokensOf('a'.repeat(20))).toEqual(['a'.repeat(16), 'aaaa'])
    expect(tokensOf('')).toEqual([])
  })
})

const called = async (given: Parameters<typeof ask>[2], model = 'echo') => {
  const parts = partsOf(await answer(ask(model, 'go', { tools: [tool('first'), tool('second')], ...given })))
  return parts.map((part) => (part.value as { name?: string }).name)
}

describe('which tools it calls', () => {
  test('the first one, or as many at once as the model name says', async () => {
    expect(await called({})).toEqual(['first'])
    expect(await called({}, 'echo?calls=3')).toEqual(['first', 'second', 'first'])
    expect(await called({ parallelToolCalls: false }, 'echo?calls=3')).toEqual(['first'])
  })

  test('the one that is named, or one of those allowed', async () => {
    expect(await called({ toolChoice: { mode: Mode.NAMED, names: ['second'] } })).toEqual(['second'])
    expect(await called({ toolChoice: { mode: Mode.ALLOWED, names: ['second'] } })).toEqual(['second'])
    expect(await called({ toolChoice: { mode: Mode.ALLOWED, names: ['third'] } })).toEqual([undefined])
  })

  test('none that is not there', async () => {
    const request = ask('echo', 'go', { tools: [tool('first')], toolChoice: { mode: Mode.NAMED, names: ['third'] } })
    const { error } = await failureOf(chat(provider, request))
    expect(error).toMatchObject({ reason: 'invalid_request', details: { param: 'tool_choice' } })
  })

  test('one that takes free text only where there is no other', async () => {
    const custom = { kind: { case: 'custom' as const, value: { name: 'shell' } } }
    expect(await called({ tools: [custom, tool('first')] })).toEqual(['first'])
    const response = await answer(ask('echo', 'go', { tools: [custom] }))
    expect(partsOf(response)).toMatchObject([
      { value: { name: 'shell', custom: true, argumentsJson: 'simulated input 1' } },
    ])
  })

  test('arguments that the limit cuts stay cut', async () => {
    const response = await answer(ask('echo', 'go', { tools: [tool('first')], maxOutputTokens: 1 }))
    expect(partsOf(response)).toMatchObject([{ case: 'toolCall', value: { argumentsJson: '' } }])
    expect(response.choices[0]?.finishReason).toBe(FinishReason.LENGTH)
  })
})

describe('what it refuses', () => {
  test.each([
    ['lorem?tokens=many', '"tokens" of a simulated model is a number'],
    ['lorem?tokens=-1', '"tokens" of a simulated model is a number'],
    ['lorem?tps=0', '"tps" of a simulated model is a number'],
    ['echo?tokens=5', '"echo" has no parameter "tokens"'],
    ['lorem?speed=5', '"lorem" has no parameter "speed"'],
  ])('%s: %s', async (model, message) => {
    const { error } = await failureOf(chat(provider, ask(model, 'hi')))
    expect(error).toMatchObject({ reason: 'invalid_request', details: { param: 'model' } })
    expect((error as Error).message).toContain(message)
  })

  test('an unknown model, saying which there are', async () => {
    for (const model of ['gpt-4', 'status-200', 'cut-after-', '']) {
      const { error } = await failureOf(chat(provider, ask(model, 'hi')))
      expect(error).toMatchObject({ reason: 'model_not_found' })
      expect((error as Error).message).toContain('echo, echo?calls=2, lorem')
    }
  })

  test('more text than is good for the process', async () => {
    const { error } = await failureOf(chat(provider, ask('lorem?tokens=50000', 'hi', { n: 100 })))
    expect(error).toMatchObject({ reason: 'invalid_request', details: { param: 'n' } })
  })

  test('what it has not got, by name', async () => {
    const provided = { kind: { case: 'provider' as const, value: { dialect: 'acme' } } }
    const given = { modalities: ['text', 'audio'], audio: { voice: 'alto' } }
    const response = await answer(ask('echo', 'hi', { ...given, tools: [provided] }))
    expect(response.dropped).toEqual(['modalities', 'audio', 'tools[0]'])
  })

  test('log probabilities, which the answer would lack', async () => {
    for (const given of [{ logprobs: true }, { topLogprobs: 3 }]) {
      const { error } = await failureOf(chat(provider, ask('echo', 'hi', given)))
      expect(error).toMatchObject({ reason: 'unsupported_field' })
    }
  })
})

describe('how it ends', () => {
  test('it takes the time that its speed asks for, and stops at once when aborted', async () => {
    const controller = new AbortController()
    const events = chat(provider, ask('lorem?tps=1', 'hi'), { signal: controller.signal })[Symbol.asyncIterator]()
    expect((await events.next()).value?.[0]?.event.case).toBe('started')
    const reason = new Error('the client left')
    const waiting = events.next()
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
  })

  test('an abort ends even an answer that comes as fast as it is read', async () => {
    const controller = new AbortController()
    let batches = 0
    const reading = (async () => {
      for await (const batch of chat(provider, ask('lorem?tokens=100000', 'hi'), { signal: controller.signal }))
        batches += batch.length
    })()
    setImmediate(() => controller.abort(new Error('enough')))
    await expect(reading).rejects.toThrow('enough')
    expect(batches).toBeLessThan(100_000)
  })

  test('a call that is aborted already gives nothing', async () => {
    const signal = AbortSignal.abort(new Error('gone'))
    for (const model of ['echo', 'hang', 'hang-after-1', 'cut-after-1']) {
      const { events, error } = await failureOf(chat(provider, ask(model, 'hi'), { signal }))
      expect(events).toEqual([])
      expect(error).toMatchObject({ message: 'gone' })
    }
  })
})
