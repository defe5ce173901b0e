import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { GenerateEventSchema, GenerateRequestSchema } from '#gen/switchyard/v1/text_pb.ts'
import { contextFor } from '../../test/suites/asking.ts'
import { fail } from '../error/index.ts'
import { finished, reasoningDelta, started, textDelta, usageEvent } from '../model/events.ts'
import { GenerateFold } from '../model/generated.ts'
import { usage } from '../model/usage.ts'
import { byModel } from './by-model.ts'
import { completeSteps } from './complete.ts'
import type { Provider } from './contract.ts'
import { generateWith } from './generate-by-chat.ts'

const stop = (): ReturnType<typeof finished> => finished({ reason: FinishReason.STOP })
const spent = (inputTokens: number): ReturnType<typeof usageEvent> =>
  usageEvent(usage({ inputTokens, outputTokens: 1 }))
const requestFor = (...texts: string[]) =>
  create(GenerateRequestSchema, {
    model: 'm',
    prompts: texts.map((value) => ({ kind: { case: 'text' as const, value } })),
  })

/** Answers with what it was asked, after some thought. */
const chatting: Provider = {
  async *chat({ messages: [message] }) {
    const part = message?.parts[0]?.kind
    const text = part?.case === 'text' ? part.value.text : ''
    if (text === 'broken') {
      yield [started({ id: text }), textDelta('hm')]
      throw fail('provider_interrupted', 'the answer broke off')
    }
    yield [started({ id: text }), reasoningDelta({ text: 'hm' }), textDelta(`<${text}>`)]
    yield [stop(), spent(text.length)]
  },
}

async function read(provider: Provider, ...texts: string[]) {
  const fold = new GenerateFold()
  let thrown: unknown
  try {
    for await (const step of generateWith(provider, requestFor(...texts), contextFor()))
      fold.add(completeSteps(GenerateEventSchema, step))
  } catch (error) {
    thrown = error
  }
  return { ...fold.response(), thrown }
}

const lacking: Provider = {
  ...chatting,
  // As a remote provider answers whose server does not know the method.
  generate() {
    throw fail('unsupported_operation', 'not implemented')
  },
}

describe('a completion', () => {
  test.each([
    ['that has none', chatting],
    ['that says it has none', lacking],
    ['that is one of several by the model', byModel(() => chatting)],
  ])('of a provider %s is that of its chat', async (_name, provider) => {
    const { choices, usage: counted, id } = await read(provider, 'a', 'bcd')
    expect(choices.map(({ index, text }) => [index, text])).toEqual([
      [0, '<a>'],
      [1, '<bcd>'],
    ])
    expect(choices.every(({ finishReason }) => finishReason === FinishReason.STOP)).toBe(true)
    expect([counted?.inputTokens, counted?.outputTokens, id]).toEqual([4, 2, 'a'])
  })

  test('tells what was used before a later chat broke off', async () => {
    const { usage: counted, thrown } = await read(chatting, 'abc', 'broken')
    expect(counted?.inputTokens).toBe(3)
    expect(thrown).toMatchObject({ reason: 'provider_interrupted' })
  })

  test('is not asked for in a chat where it failed, or had begun', async () => {
    let chats = 0
    const counting: Provider = {
      async *chat() {
        chats += 1
        yield [started({}), stop()]
      },
    }
    const failing: Provider = {
      ...counting,
      generate() {
        throw fail('rate_limited', 'later')
      },
    }
    const breaking: Provider = {
      ...counting,
      async *generate() {
        yield { event: { case: 'textDelta', value: { text: 'x' } } }
        throw fail('unsupported_operation', 'too late')
      },
    }
    expect((await read(failing, 'a')).thrown).toMatchObject({ reason: 'rate_limited' })
    expect((await read(breaking, 'a')).thrown).toMatchObject({ reason: 'unsupported_operation' })
    expect(chats).toBe(0)
  })

  test('of a provider with neither is unsupported', async () => {
    expect((await read({}, 'a')).thrown).toMatchObject({ reason: 'unsupported_operation' })
  })
})
