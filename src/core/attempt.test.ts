import { once } from 'node:events'
import { create } from '@bufbuild/protobuf'
import { afterEach, describe, expect, test } from 'vitest'
import { ChatRequestSchema } from '#gen/switchyard/v1/chat_pb.ts'
import { ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import { started, textDelta } from '../model/events.ts'
import type { CallContext, Provider } from '../provider/contract.ts'
import { createEgress } from '../provider/egress.ts'
import { Secret } from '../provider/secret.ts'
import { Attempt } from './attempt.ts'
import { chat as chatOperation } from './operations/chat.ts'

type Chat = NonNullable<Provider['chat']>

const nothing = (): undefined => undefined
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const question = {
  requestId: 'r',
  request: create(ChatRequestSchema, { model: 'alias', provider: 'up' }),
  streaming: true,
}

const rejections: unknown[] = []
const note = (reason: unknown): number => rejections.push(reason)
process.on('unhandledRejection', note)
afterEach(() => void rejections.splice(0))

/** A try at a provider of this kind, with timers of so many milliseconds. */
function attempt(chat: Chat | undefined, firstEvent = 9000, betweenEvents = 9000): Attempt<'chat'> {
  const record = create(ProviderSchema, { id: 'up', name: 'up' })
  const credentials = [
    { id: 'KEY', secret: new Secret('first') },
    { id: 'OTHER', secret: new Secret('second') },
  ]
  const provider = { record, provider: chat === undefined ? {} : { chat }, credentials, models: [], patterns: [] }
  const timeouts = { connect: 9000, firstEvent, betweenEvents, total: 9000 }
  return new Attempt(
    chatOperation,
    { provider, model: 'upstream-model' },
    { egress: createEgress({ connectTimeoutMs: 1000 }), log, timeouts },
  )
}

async function thrown(promise: Promise<unknown>): Promise<GatewayError> {
  try {
    await promise
  } catch (error) {
    return asGatewayError(error)
  }
  throw new Error('nothing was thrown')
}

/** An iterable whose iterator is as odd as the test wants it. */
const odd = (iterator: Partial<AsyncIterator<unknown>>): Chat =>
  (() => ({ [Symbol.asyncIterator]: () => iterator })) as unknown as Chat

describe('a provider', () => {
  test('whose error or id quotes any of its keys is not believed in that', async () => {
    const quoting = attempt(async function* () {
      yield started({ id: 'a', upstreamRequestId: 'req second' })
      throw fail('invalid_request', 'the key second is not the key first', { param: 'first' })
    })
    const [head] = await quoting.open(question)
    expect(head?.event).toMatchObject({ case: 'started', value: { id: 'a', upstreamRequestId: '' } })
    const error = await thrown(quoting.next())
    expect([error.message, error.details]).toEqual(['the key [credential] is not the key [credential]', {}])
  })

  test('is asked for its own model, and told what it needs', async () => {
    let told: { model: string; provider: string; context: CallContext } | undefined
    const one = attempt(async function* (request, context) {
      told = { model: request.model, provider: request.provider, context }
      yield textDelta('x')
    })
    await one.open(question)
    expect(told).toMatchObject({
      model: 'upstream-model',
      provider: '',
      context: { requestId: 'r', streaming: true, credential: { id: 'KEY' } },
    })
    expect(question.request.model).toBe('alias')
    one.close()
  })

  test('may yield single events, batches and literals', async () => {
    const one = attempt(async function* () {
      yield { event: { case: 'started', value: { id: 'a' } } }
      yield [textDelta('b'), textDelta('c')]
    })
    const first = await one.open(question)
    expect(first).toMatchObject([{ $typeName: 'switchyard.v1.ChatEvent', event: { value: { id: 'a' } } }])
    expect(await one.next()).toHaveLength(2)
    expect(await one.next()).toBeUndefined()
  })

  test.each([
    ['never', [textDelta('a')], [textDelta('b')]],
    ['late', [textDelta('a'), started({ id: 'x' })], [started({ id: 'y' }), textDelta('b')]],
    ['again', [started({}), textDelta('a'), started({ id: 'x' })], [started({ id: 'y' }), textDelta('b')]],
  ])('that says %s that it starts has started first, and once', async (_when, one, other) => {
    const asked = attempt(async function* () {
      yield one
      yield other
    })
    expect(await asked.open(question)).toEqual([started({}), textDelta('a')])
    expect(await asked.next()).toEqual([textDelta('b')])
    expect(await asked.next()).toBeUndefined()
  })

  test('without chat is unsupported', async () => {
    expect((await thrown(attempt(undefined).open(question))).reason).toBe('unsupported_operation')
  })
})

describe('a provider that misbehaves', () => {
  const faults: readonly (readonly [string, Chat])[] = [
    [
      'throws at once',
      () => {
        throw new Error('no')
      },
    ],
    [
      'throws something that is no error',
      () => {
        throw 'no' as unknown as Error
      },
    ],
    ['gives nothing to iterate', (() => undefined) as unknown as Chat],
    ['gives a promise', (async () => []) as unknown as Chat],
    [
      'throws when it is asked for its iterator',
      () => ({
        [Symbol.asyncIterator]: () => {
          throw new Error('no')
        },
      }),
    ],
    [
      'throws in next',
      odd({
        next: () => {
          throw new Error('no')
        },
      }),
    ],
    ['has no next', odd({})],
    ['rejects with nothing', odd({ next: () => Promise.reject() })],
    ['rejects with another kind of error', odd({ next: () => Promise.reject(new DOMException('no')) })],
    ['yields undefined', odd({ next: async () => ({ done: false, value: undefined }) })],
    ['yields null', odd({ next: async () => ({ done: false, value: null }) })],
    ['yields a batch with a hole', odd({ next: async () => ({ done: false, value: [textDelta('x'), undefined] }) })],
    ['steps to nothing', odd({ next: async () => undefined as never })],
    [
      'ends without a word',
      async function* () {
        /* says nothing */
      },
    ],
  ]

  test.each(faults)('%s is at fault itself, and harms nobody else', async (_, chat) => {
    const one = attempt(chat)
    const error = await thrown(one.open(question))
    expect([error.reason, error.status]).toEqual(['provider_error', 502])
    expect(error.message).not.toContain('no.')
    await new Promise((resolve) => setImmediate(resolve))
    expect(rejections).toEqual([])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('in return')
      },
    ],
    ['rejects', () => Promise.reject(new Error('in return'))],
    ['never returns', () => new Promise<never>(() => undefined)],
    ['gives no promise', () => undefined as never],
  ] as const)('in its clean-up (%s) does not keep anybody', async (_, release) => {
    const events = [textDelta('x')]
    const one = attempt(odd({ next: async () => ({ done: false, value: events }), return: release }))
    await one.open(question)
    expect(() => one.close()).not.toThrow()
    await new Promise((resolve) => setImmediate(resolve))
    expect(rejections).toEqual([])
  })

  test('keeps its own words when it throws one of our errors', async () => {
    const own = fail('rate_limited', 'slow down', { retryAfterSeconds: 3 })
    const one = attempt(async function* () {
      yield textDelta('x')
      throw own
    })
    await one.open(question)
    expect(await thrown(one.next())).toBe(own)
  })
})

describe('a timer', () => {
  const deaf: Chat = odd({ next: () => new Promise(() => undefined) })

  test('ends the wait for the first event, even of a provider that does not listen', async () => {
    const error = await thrown(attempt(deaf, 30).open(question))
    expect(error).toMatchObject({ reason: 'timeout', details: { timer: 'first_event' } })
  })

  test('ends the wait between events, and aborts the provider', async () => {
    let aborted: Promise<unknown> | undefined
    const one = attempt(
      async function* (_request, { signal }) {
        aborted = once(signal, 'abort')
        yield textDelta('x')
        await new Promise(() => undefined)
      },
      9000,
      30,
    )
    await one.open(question)
    expect(await thrown(one.next())).toMatchObject({ reason: 'timeout', details: { timer: 'between_events' } })
    await aborted
    one.close()
  })

  test('does not run while nobody waits for the provider', async () => {
    const one = attempt(
      async function* () {
        yield textDelta('x')
        yield textDelta('y')
      },
      30,
      30,
    )
    await one.open(question)
    await new Promise((resolve) => setTimeout(resolve, 90))
    expect(await one.next()).toHaveLength(1)
    one.close()
  })
})

describe('a try that is aborted', () => {
  const left = fail('client_closed', 'left')

  test('ends at once with that error, and is recorded as cancelled', async () => {
    const one = attempt(odd({ next: () => new Promise(() => undefined) }))
    const outcome = thrown(one.open(question))
    one.abort(left)
    expect(await outcome).toBe(left)
    expect(one.record(0, left)).toMatchObject({
      provider: 'up',
      model: 'upstream-model',
      status: 'cancelled',
      reason: 'client_closed',
    })
  })

  test('between two steps ends with the next one', async () => {
    const one = attempt(async function* () {
      yield textDelta('x')
      yield textDelta('y')
    })
    await one.open(question)
    one.abort(left)
    expect(await thrown(one.next())).toBe(left)
  })
})
