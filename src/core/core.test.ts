import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { type ChatEvent, ChatRequestSchema, FinishReason, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import { asGatewayError, fail, type GatewayError, type Reason } from '../error/index.ts'
import { finished, started, textDelta, usageEvent } from '../model/events.ts'
import { usage } from '../model/usage.ts'
import type { CallContext, Provider } from '../provider/contract.ts'
import { createEgress } from '../provider/egress.ts'
import { openPrincipal } from './admit.ts'
import type { CallRecord, ModelCall, LoadedProvider, Timeouts } from './contract.ts'
import { createCore } from './core.ts'
import { fixedRegistry } from './live.ts'
import { createRegistry } from './resolve.ts'

type Chat = NonNullable<Provider['chat']>
type Step = readonly ChatEvent[] | GatewayError | Error | 'wait'

const nothing = (): undefined => undefined
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const hello: readonly Step[] = [
  [started({ id: 'a' })],
  [textDelta('hel')],
  [textDelta('lo')],
  [finished({ reason: FinishReason.STOP })],
  [usageEvent(usage({ inputTokens: 3, outputTokens: 2 }))],
]

/** A provider that plays one script for each time it is asked; the last one for all further times. */
class Player {
  readonly scripts: readonly (readonly Step[])[]
  readonly asked: { model: string; context: CallContext }[] = []
  released = 0

  constructor(...scripts: readonly (readonly Step[])[]) {
    this.scripts = scripts
  }

  readonly chat: Chat = (request, context) => {
    const script = this.scripts[Math.min(this.asked.length, this.scripts.length - 1)] ?? []
    this.asked.push({ model: request.model, context })
    return this.#play(script, context)
  }

  async *#play(script: readonly Step[], { signal }: CallContext): AsyncGenerator<readonly ChatEvent[], void, void> {
    try {
      for (const step of script) {
        if (step === 'wait') {
          if (!signal.aborted) await once(signal, 'abort')
          throw signal.reason
        }
        if (step instanceof Error) throw step
        await setTimeout(1)
        yield step
      }
    } finally {
      this.released++
    }
  }
}

interface Rig {
  readonly records: CallRecord[]
  readonly call: (model: string, retries?: number) => ModelCall<'chat'>
}

/** The real core, with these providers and an alias `any` that leads to all of them in order. */
function rig(chats: Readonly<Record<string, Chat | undefined>>, timeouts: Partial<Timeouts> = {}, perTarget = 0): Rig {
  const names = Object.keys(chats)
  const loaded = names.map((name): LoadedProvider => {
    const chat = chats[name]
    const record = create(ProviderSchema, { id: name, name })
    return { record, provider: chat === undefined ? {} : { chat }, credentials: [], models: [], patterns: [] }
  })
  const records: CallRecord[] = []
  const aliases = [
    { name: 'any', targets: names.map((name, order) => ({ provider: name, model: `m-${name}`, order, weight: 1 })) },
  ]
  const core = createCore({
    keys: { authenticate: () => openPrincipal },
    surface: () => {
      throw new Error('nothing here asks for it')
    },
    registry: fixedRegistry(createRegistry(loaded, aliases)),
    retries: { perTarget, budget: 10, maxRetryAfterMs: 1000 },
    recorder: { began: nothing, settled: (record) => records.push(record) },
    timeouts: { connect: 9000, firstEvent: 9000, betweenEvents: 9000, total: 9000, ...timeouts },
    egress: createEgress({ connectTimeoutMs: 1000 }),
    log,
  })
  const messages = [{ role: Role.USER, parts: [{ kind: { case: 'text' as const, value: { text: 'hi' } } }] }]
  return {
    records,
    call: (model, retries) =>
      core.call('chat', {
        id: 'r',
        clientRequestId: '',
        requestId: 'r',
        requestBytes: 10,
        dialect: 'test',
        principal: openPrincipal,
        arrivedAt: performance.now(),
        request: create(ChatRequestSchema, { model, messages }),
        streaming: true,
        ...(retries !== undefined && { retries }),
      }),
  }
}

/** What a client of the call sees: the text until the end, and how it ended. */
async function seen(call: ModelCall<'chat'>): Promise<{ text: string; reason: Reason | 'ok'; opened: boolean }> {
  let text = ''
  let opened = false
  try {
    const { events } = await call.open()
    opened = true
    for await (const batch of events)
      for (const { event } of batch) if (event.case === 'textDelta') text += event.value.text
    return { text, reason: 'ok', opened }
  } catch (error) {
    return { text, reason: asGatewayError(error).reason, opened }
  }
}

const well = { text: 'hello', reason: 'ok', opened: true }
const failed = (reason: Reason) => ({ text: '', reason, opened: false })

test('a client is told last, of a usage nobody could read, what is recorded', async () => {
  const unread = usage({ inputUnknown: true, outputUnknown: true, raw: { prompt_tokens: 'many' } })
  const script = [
    [started({ id: 'a' }), usageEvent(unread), textDelta('hello')],
    [finished({ reason: FinishReason.STOP })],
  ]
  const { call, records } = rig({ one: new Player(script).chat })
  const told: unknown[] = []
  for await (const batch of (await call('any').open()).events)
    for (const { event } of batch) if (event.case === 'usage') told.push(event.value)
  expect(told.at(-1)).toBe(records[0]?.usage)
  expect(records[0]?.usage).toMatchObject({ inputTokens: 1, outputTokens: 2, estimated: true, raw: unread.raw })
})

describe('fallback', () => {
  test('asks targets in order, each by its own name for the model', async () => {
    const [one, two, three] = [new Player([fail('provider_error', 'x')]), new Player(hello), new Player(hello)]
    const { call, records } = rig({ one: one.chat, two: two.chat, three: three.chat })
    expect(await seen(call('any'))).toEqual(well)
    expect([one, two, three].map(({ asked }) => asked.map(({ model }) => model))).toEqual([['m-one'], ['m-two'], []])
    expect(records).toEqual([expect.objectContaining({ status: 'ok', provider: 'two', model: 'm-two', alias: 'any' })])
    expect(records[0]?.attempts.map(({ provider, reason }) => [provider, reason])).toEqual([
      ['one', 'provider_error'],
      ['two', undefined],
    ])
  })

  test('ends with the error of the last target', async () => {
    const { call, records } = rig({
      one: new Player([fail('provider_error', 'x')]).chat,
      two: new Player([fail('rate_limited', 'y')]).chat,
    })
    expect(await seen(call('any'))).toEqual(failed('rate_limited'))
    expect(records).toEqual([expect.objectContaining({ status: 'error', reason: 'rate_limited', provider: 'two' })])
  })

  test('passes over a provider that cannot chat', async () => {
    expect(await seen(rig({ one: undefined, two: new Player(hello).chat }).call('any'))).toEqual(well)
  })

  test.each(['invalid_request', 'payload_too_large', 'unprocessable', 'conflict', 'unsupported_field'] as const)(
    "does not retry the caller's own mistake (%s)",
    async (reason) => {
      const [one, two] = [new Player([fail(reason, 'x')]), new Player(hello)]
      expect(await seen(rig({ one: one.chat, two: two.chat }, {}, 5).call('any'))).toEqual(failed(reason))
      expect([one.asked.length, two.asked.length]).toEqual([1, 0])
    },
  )
})

describe('the first event', () => {
  test.each([1, 2, 3])('is the point of no return: after %i there is no retry and no fallback', async (count) => {
    const one = new Player([...hello.slice(0, count), fail('provider_interrupted', 'x')])
    const two = new Player(hello)
    const { call, records } = rig({ one: one.chat, two: two.chat }, {}, 5)
    expect(await seen(call('any'))).toEqual({
      text: ['', '', 'hel', 'hello'][count],
      reason: 'provider_interrupted',
      opened: true,
    })
    expect([one.asked.length, two.asked.length]).toEqual([1, 0])
    expect(records).toEqual([
      expect.objectContaining({ status: 'error', usage: expect.objectContaining({ estimated: true }) as object }),
    ])
  })

  test('is not an empty batch', async () => {
    const one = new Player([[], [], fail('provider_error', 'x')])
    expect(await seen(rig({ one: one.chat, two: new Player(hello).chat }).call('any'))).toEqual(well)
  })

  test('that never comes because the provider ends at once is an error', async () => {
    const [one, two] = [new Player([]), new Player(hello)]
    expect(await seen(rig({ one: one.chat }).call('any'))).toEqual(failed('provider_error'))
    expect(await seen(rig({ one: one.chat, two: two.chat }).call('any'))).toEqual(well)
  })
})

describe('a retry', () => {
  test('asks the same target again before the next one', async () => {
    const one = new Player([fail('provider_unavailable', 'x')], [fail('provider_unavailable', 'x')], hello)
    const two = new Player(hello)
    expect(await seen(rig({ one: one.chat, two: two.chat }, {}, 2).call('any'))).toEqual(well)
    expect([one.asked.length, two.asked.length]).toEqual([3, 0])
  })

  test('happens as often as configured, or as the caller says', async () => {
    for (const [configured, wanted, expected] of [
      [0, undefined, 1],
      [2, undefined, 3],
      [2, 0, 1],
      [0, 3, 4],
    ] as const) {
      const one = new Player([fail('provider_unavailable', 'x')])
      await seen(rig({ one: one.chat }, {}, configured).call('any', wanted))
      expect(one.asked).toHaveLength(expected)
    }
  })

  test('lets go of the try before', async () => {
    const one = new Player([fail('provider_unavailable', 'x')], hello)
    await seen(rig({ one: one.chat }, {}, 1).call('any'))
    expect(one.released).toBe(2)
  })
})

describe('a cancelled call', () => {
  const left = fail('client_closed', 'left')

  test('aborts the provider that it waits for, and asks nobody else', async () => {
    const [one, two] = [new Player(['wait']), new Player(hello)]
    const { call, records } = rig({ one: one.chat, two: two.chat }, {}, 5)
    const cancelled = call('any')
    const outcome = seen(cancelled)
    await setTimeout(10)
    cancelled.cancel(left)
    cancelled.cancel(fail('internal', 'later'))
    expect(await outcome).toEqual(failed('client_closed'))
    expect(one.asked[0]?.context.signal.reason).toBe(left)
    expect([one.asked.length, one.released, two.asked.length]).toEqual([1, 1, 0])
    expect(records.map(({ status }) => status)).toEqual(['cancelled'])
  })

  test('before it is opened asks nobody', async () => {
    const one = new Player(hello)
    const { call, records } = rig({ one: one.chat })
    const cancelled = call('any')
    cancelled.cancel(left)
    expect(await seen(cancelled)).toEqual(failed('client_closed'))
    expect([one.asked.length, records.length]).toEqual([0, 1])
  })

  test('while it waits for a retry does not wait any longer', async () => {
    const one = new Player([fail('rate_limited', 'x', { retryAfterSeconds: 1 })])
    const cancelled = rig({ one: one.chat }, {}, 2).call('any')
    const outcome = seen(cancelled)
    await setTimeout(20)
    cancelled.cancel(left)
    expect(await Promise.race([outcome, setTimeout(900, 'late')])).toEqual(failed('client_closed'))
    expect(one.asked).toHaveLength(1)
  })

  test('after its end changes nothing', async () => {
    const { call, records } = rig({ one: new Player(hello).chat })
    const done = call('any')
    await seen(done)
    done.cancel(left)
    expect(records.map(({ status }) => status)).toEqual(['ok'])
  })

  test('whose answer nobody ever reads is settled, and its provider let go', async () => {
    const one = new Player([...hello.slice(0, 2), 'wait'])
    const { call, records } = rig({ one: one.chat })
    const unread = call('any')
    await unread.open()
    unread.cancel(left)
    expect(records.map(({ status }) => status)).toEqual(['cancelled'])
    expect(one.asked[0]?.context.signal.aborted).toBe(true)
    await expect.poll(() => one.released).toBe(1)
  })

  test('whose reader goes away is settled, its provider aborted, and what was said is paid for', async () => {
    const one = new Player([...hello.slice(0, 3), 'wait'])
    const { call, records } = rig({ one: one.chat })
    const { events } = await call('any').open()
    for await (const batch of events) if (batch.some(({ event }) => event.case === 'textDelta')) break
    expect(records).toEqual([
      expect.objectContaining({ status: 'cancelled', usage: expect.objectContaining({ outputTokens: 1 }) as object }),
    ])
    expect(one.asked[0]?.context.signal.aborted).toBe(true)
    await expect.poll(() => one.released).toBe(1)
  })
})

test('a whole answer does not abort the provider that gave it', async () => {
  const one = new Player(hello)
  await seen(rig({ one: one.chat }).call('any'))
  expect([one.asked[0]?.context.signal.aborted, one.released]).toEqual([false, 1])
})
