import { toBinary, toJson } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ChatEvent, ChatEventSchema } from '#gen/switchyard/v1/chat_pb.ts'
import { GatewayError } from '../../error/index.ts'
import { AnswerDecoder } from './decode-answer.ts'

const decoder = (passThrough = false): AnswerDecoder =>
  new AnswerDecoder({ passThrough, dropped: [], upstreamRequestId: '', vendor: 'test' })

/** A chunk that has a little of everything. */
const chunk = {
  id: 'c1',
  model: 'm',
  created: 1_700_000_000,
  service_tier: 'default',
  system_fingerprint: 'fp',
  choices: [
    {
      index: 0,
      delta: {
        role: 'assistant',
        content: 'hello',
        refusal: 'no',
        reasoning_content: 'hm',
        reasoning_details: [{ type: 'reasoning.text', text: 'hm', signature: 's', data: 'd' }],
        tool_calls: [{ index: 0, id: 't1', type: 'function', function: { name: 'f', arguments: '{}' }, custom: null }],
        function_call: { name: 'g', arguments: '{}' },
        annotations: [{ type: 'url_citation', url_citation: { url: 'u', title: 't', start_index: 1, end_index: 2 } }],
        audio: { id: 'a', data: 'AAAA', transcript: 'x', expires_at: 5 },
      },
      finish_reason: 'stop',
      logprobs: {
        content: [{ token: 'x', logprob: -1, bytes: [1], top_logprobs: [{ token: 'y', logprob: -2, bytes: null }] }],
        refusal: null,
      },
    },
  ],
  usage: {
    prompt_tokens: 3,
    completion_tokens: 2,
    total_tokens: 5,
    prompt_tokens_details: { cached_tokens: 1 },
    completion_tokens_details: { reasoning_tokens: 1 },
  },
}

/** Where the values of an object are, as paths. */
function pathsOf(value: unknown, at: readonly string[] = []): string[][] {
  if (value === null || typeof value !== 'object') return [[...at]]
  return [[...at], ...Object.entries(value).flatMap(([key, member]) => pathsOf(member, [...at, key]))]
}

/** The value with what stands at the path replaced. */
function replaced(value: unknown, [step, ...rest]: readonly string[], by: unknown): unknown {
  if (step === undefined) return by
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) }
  return Object.assign(copy, { [step]: replaced((value as Record<string, unknown>)[step], rest, by) })
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    [],
    {},
    [null],
    [[]],
    0,
    -1,
    1.5,
    1e300,
    2 ** 53,
    -1e300,
    '',
    'x',
    true,
    false,
    [0],
    ['x'],
    { a: 1 },
    { index: -1 },
    [{ index: 1e10 }],
    '0',
    'constructor',
    '__proto__',
    'toString',
    1e-320,
  ),
  fc.jsonValue({ maxDepth: 2 }),
)
const mutated = fc
  .array(fc.tuple(fc.constantFrom(...pathsOf(chunk)), odd), { minLength: 1, maxLength: 3 })
  .map((changes) =>
    changes.reduce<unknown>((value, [path, by]) => {
      try {
        return replaced(value, path, by)
      } catch {
        return value
      }
    }, chunk),
  )

/** Events are what the contract says, or they could be sent to nobody. */
function expectSound(events: readonly ChatEvent[]): void {
  for (const event of events) {
    toBinary(ChatEventSchema, event)
    toJson(ChatEventSchema, event)
  }
}

function expectProviderFault(error: unknown): void {
  expect(error).toBeInstanceOf(GatewayError)
  if (error instanceof GatewayError) expect(error.reason).not.toBe('internal')
}

describe('an answer that is not what the format says', () => {
  test.each([true, false])(
    'is read as far as it goes, or is a fault of the provider, in a stream (as it is: %s)',
    (passThrough) => {
      fc.assert(
        fc.property(fc.array(mutated, { minLength: 1, maxLength: 4 }), (chunks) => {
          const one = decoder(passThrough)
          for (const value of chunks) expectSound(one.event({ data: JSON.stringify(value) }))
          one.event({ data: '[DONE]' })
          const { events, failure } = one.end()
          expectSound(events)
          if (failure !== undefined) expectProviderFault(failure)
        }),
        { numRuns: 3000 },
      )
    },
  )

  test('is read as far as it goes, or is a fault of the provider, whole', () => {
    fc.assert(
      fc.property(mutated, (value) => {
        try {
          expectSound(decoder().whole(JSON.stringify(value)))
        } catch (error) {
          expectProviderFault(error)
        }
      }),
      { numRuns: 3000 },
    )
  })

  test.each(['', 'null', '7', '"x"', '[]', '{', 'undefined', '{}{}'])('is unreadable: %j', (text) => {
    const one = decoder()
    expect(one.event({ data: text })).toEqual([])
    expect([one.complete, one.end().failure?.reason]).toEqual([true, 'provider_interrupted'])
    expect(() => decoder().whole(text)).toThrow(expect.objectContaining({ reason: 'provider_error' }))
  })
})

describe('a stream', () => {
  const say = (content: string, more: object = {}): { data: string } => ({
    data: JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content }, ...more }] }),
  })

  test('without its end is interrupted', () => {
    const one = decoder()
    one.event(say('a'))
    expect(one.end().failure?.reason).toBe('provider_interrupted')
  })

  test('of which one choice did not end is interrupted', () => {
    const one = decoder()
    one.event(say('a', { finish_reason: 'stop' }))
    one.event({ data: JSON.stringify({ choices: [{ index: 1, delta: { content: 'b' } }] }) })
    expect(one.end().failure?.reason).toBe('provider_interrupted')
  })

  test('that ended but for its last word is whole', () => {
    const one = decoder()
    one.event(say('a', { finish_reason: 'length' }))
    const { events, failure } = one.end()
    expect([failure, events.map(({ event }) => event.case)]).toEqual([undefined, ['finished']])
  })

  test('whose last word is that it failed has failed', () => {
    const one = decoder()
    one.event(say('a', { finish_reason: 'error' }))
    one.event({ data: '[DONE]' })
    expect(one.end().failure?.reason).toBe('provider_error')
  })

  test('that failed tells what it consumed all the same', () => {
    const one = decoder()
    one.event(say('a'))
    one.event({ data: JSON.stringify({ usage: chunk.usage, choices: [] }) })
    one.event({ data: '{"error":{"message":"busy","code":503}}' })
    const { events, failure } = one.end()
    expect([failure?.reason, events.map(({ event }) => event.case)]).toEqual(['provider_unavailable', ['usage']])
  })

  test('says nothing after its end', () => {
    const one = decoder()
    one.event({ data: '{"error":"x"}' })
    expect(one.complete).toBe(true)
  })
})

test('a stream that only says it is over is no answer', () => {
  const only = decoder()
  only.event({ data: '[DONE]' })
  expect(only.end().failure?.reason).toBe('provider_interrupted')
})

test('an object in the place of the content, which a schema asked for, is text in JSON', () => {
  const message = { role: 'assistant', content: { title: 'Apples', pages: [1] } }
  const events = decoder().whole(JSON.stringify({ choices: [{ index: 0, message, finish_reason: 'stop' }] }))
  const texts = events.flatMap(({ event }) => (event.case === 'textDelta' ? [event.value.text] : []))
  expect(texts).toEqual(['{"title":"Apples","pages":[1]}'])
})
