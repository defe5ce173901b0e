import { setTimeout } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { type ChatEvent, ChatRequestSchema, FinishReason, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import { finished, rawOnly, started, textDelta, usageEvent } from '../model/events.ts'
import { usage } from '../model/usage.ts'
import type { Provider } from '../provider/contract.ts'
import { createEgress } from '../provider/egress.ts'
import { openPrincipal } from './admit.ts'
import type { CallContent, CallIntent, CallRecord, Core, CountInput, Ledger, ModelCall } from './contract.ts'
import { createCore } from './core.ts'
import { fixedRegistry } from './live.ts'
import { createRegistry } from './resolve.ts'

const nothing = (): undefined => undefined
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const stop = finished({ reason: FinishReason.STOP })
const told = usage({ inputTokens: 3, outputTokens: 2 })
const hello: readonly (readonly ChatEvent[])[] = [
  [started({ id: 'a', upstreamRequestId: 'up-1' })],
  [textDelta('hel')],
  [textDelta('lo')],
  [stop],
  [usageEvent(told)],
]

/** A ledger that is only as fast as the test wants, and writes down what happens in which order. */
class Book implements Ledger {
  readonly story: string[]
  readonly intents: CallIntent[] = []
  readonly settled: { record: CallRecord; intent: number; content: CallContent | undefined }[] = []
  readonly noted: CallRecord[] = []
  beginning: Promise<void> = Promise.resolve()
  settling: Promise<void> = Promise.resolve()

  constructor(story: string[]) {
    this.story = story
  }

  async begin(intent: CallIntent): Promise<number> {
    this.intents.push(intent)
    await this.beginning
    this.story.push('intent')
    return 17
  }

  async settle(record: CallRecord, intent: number, content?: CallContent): Promise<void> {
    this.settled.push({ record, intent, content })
    await this.settling
    this.story.push(`settled ${record.status}`)
  }

  note(record: CallRecord): void {
    this.noted.push(record)
  }
}

type Script = readonly (readonly ChatEvent[] | GatewayError)[]

interface Rig {
  readonly book: Book
  /** What happened, in order: to the ledger, at the provider, and at the client. */
  readonly story: string[]
  readonly records: CallRecord[]
  readonly core: Core
  readonly call: (model?: string, fields?: { n?: number; requestId?: string; timeoutMs?: number }) => ModelCall<'chat'>
  readonly count: (fields?: Partial<CountInput>) => ReturnType<Core['countTokens']>
}

function rig(
  scripts: Readonly<Record<string, Script>>,
  more: Partial<Parameters<typeof createCore>[0]> = {},
  counts?: Provider['countTokens'],
): Rig {
  const story: string[] = []
  const book = new Book(story)
  const records: CallRecord[] = []
  const loaded = Object.entries(scripts).map(([name, script]) => ({
    record: create(ProviderSchema, { id: name, name, type: 'made' }),
    provider: {
      async *chat(_request, { received }) {
        story.push(`asked ${name}`)
        for (const step of script) {
          if (step instanceof Error) throw step
          received?.(10)
          await Promise.resolve()
          yield step
        }
        story.push('upstream ended')
      },
      ...(counts !== undefined && { countTokens: counts }),
    } satisfies Provider,
    credentials: [],
    models: [],
    patterns: [],
  }))
  const aliases = [
    {
      name: 'any',
      targets: Object.keys(scripts).map((provider, order) => ({ provider, model: 'm', order, weight: 1 })),
    },
  ]
  const core = createCore({
    keys: { authenticate: () => openPrincipal },
    surface: () => {
      throw new Error('nothing here asks for it')
    },
    registry: fixedRegistry(createRegistry(loaded, aliases)),
    retries: { perTarget: 0, budget: 10, maxRetryAfterMs: 1000 },
    recorder: { began: nothing, settled: (record) => records.push(record) },
    timeouts: { connect: 9000, firstEvent: 9000, betweenEvents: 9000, total: 9000 },
    egress: createEgress({ connectTimeoutMs: 1000 }),
    log,
    ledger: book,
    pricing: {
      cost: (vendor, model, { inputTokens }) =>
        vendor === 'made' && model === 'm' ? { nanoUsd: BigInt(inputTokens) * 1000n, version: 'list 1' } : undefined,
    },
    ...more,
  })
  const messages = [{ role: Role.USER, parts: [{ kind: { case: 'text' as const, value: { text: '12345678' } } }] }]
  const input = (model: string, n?: number) => ({
    id: 'ours',
    clientRequestId: 'mine',
    requestId: 'mine',
    requestBytes: 44,
    dialect: 'test',
    principal: openPrincipal,
    arrivedAt: performance.now(),
    request: create(ChatRequestSchema, { model, messages, ...(n !== undefined && { n }) }),
  })
  return {
    book,
    story,
    records,
    core,
    call: (model = 'any', { n, timeoutMs } = {}) =>
      core.call('chat', { ...input(model, n), streaming: true, ...(timeoutMs !== undefined && { timeoutMs }) }),
    count: (fields = {}) => core.countTokens({ ...input('any'), signal: new AbortController().signal, ...fields }),
  }
}

/** Reads a call to its end, as a client that tells the story what it sees. */
async function read(call: ModelCall<'chat'>, story: string[]): Promise<void> {
  try {
    const { events } = await call.open()
    for await (const batch of events) {
      for (const { event, raw } of batch) {
        story.push(event.case === 'textDelta' ? `saw ${event.value.text}` : `saw ${event.case ?? raw}`)
      }
    }
    story.push('end')
  } catch (error) {
    story.push(asGatewayError(error).reason)
  }
}

/** Lets everything happen that needs no more than promises and ticks. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
}

const full = fail('store_unavailable', 'no room')

describe('a call that goes well', () => {
  test('asks nobody before its intent is durable', async () => {
    const { book, story, call } = rig({ one: hello })
    const gate = Promise.withResolvers<void>()
    book.beginning = gate.promise
    const reading = read(call(), story)
    await settle()
    expect(story).toEqual([])
    gate.resolve()
    await reading
    expect(story.slice(0, 2)).toEqual(['intent', 'asked one'])
  })

  test('has its whole time from then on, but for the deadline of its caller', async () => {
    const timeouts = { connect: 9000, firstEvent: 9000, betweenEvents: 9000, total: 400 }
    const gone = async (timeoutMs?: number): Promise<string[]> => {
      const { book, story, call } = rig({ one: hello }, { timeouts })
      book.beginning = setTimeout(450)
      await read(call('any', timeoutMs === undefined ? {} : { timeoutMs }), story)
      return story
    }
    const [waited, late] = await Promise.all([gone(), gone(420)])
    expect(waited.at(-1)).toBe('end')
    expect(late).toEqual(['intent', 'settled error', 'timeout'])
  })

  test('shows its text as it comes, and its end only when its settlement is durable', async () => {
    const { book, story, call } = rig({ one: hello })
    const gate = Promise.withResolvers<void>()
    book.settling = gate.promise
    const reading = read(call(), story)
    await settle()
    const shown = ['intent', 'asked one', 'saw started', 'saw hel', 'saw lo', 'upstream ended']
    expect(story).toEqual(shown)
    expect(book.settled).toHaveLength(1)
    gate.resolve()
    await reading
    expect(story).toEqual([...shown, 'settled ok', 'saw finished', 'saw usage', 'end'])
  })

  test.each<[string, Script, readonly string[], readonly string[]]>([
    ['everything in one piece', [hello.flat()], ['started', 'hel', 'lo'], ['finished', 'usage']],
    ['an end without a usage', [[started({}), textDelta('a')], [stop]], ['started', 'a'], ['finished', 'usage']],
    [
      "the upstream's own chunks",
      [
        [started({}, 'chunk 1'), textDelta('a', 0, 'chunk 2')],
        [textDelta('b', 0, 'chunk 3'), stop, usageEvent(told, 'chunk 4'), rawOnly('chunk 5')],
      ],
      ['started', 'a'],
      ['b', 'finished', 'usage', 'chunk 5'],
    ],
  ])('tears nothing: %s', async (_what, script, before, after) => {
    const { book, story, call } = rig({ one: script })
    const gate = Promise.withResolvers<void>()
    book.settling = gate.promise
    const reading = read(call(), story)
    await settle()
    expect(story.slice(2, -1)).toEqual(before.map((word) => `saw ${word}`))
    gate.resolve()
    await reading
    expect(story.slice(3 + before.length)).toEqual(['settled ok', ...after.map((word) => `saw ${word}`), 'end'])
  })

  test('of several choices waits for the last', async () => {
    const { book, story, call } = rig({
      one: [
        [started({}), textDelta('a', 0)],
        [finished({ reason: FinishReason.STOP }, 0)],
        [textDelta('b', 1)],
        [finished({ reason: FinishReason.LENGTH }, 1)],
      ],
    })
    const gate = Promise.withResolvers<void>()
    book.settling = gate.promise
    const reading = read(call('any', { n: 2 }), story)
    await settle()
    expect(story.filter((word) => word.startsWith('saw'))).toEqual(['saw started', 'saw a', 'saw finished', 'saw b'])
    gate.resolve()
    await reading
    expect(book.settled[0]?.record.finishReasons).toEqual(['stop', 'length'])
  })

  test('is priced, counted and told by the very same usage', async () => {
    const { book, records, call } = rig({ one: hello })
    const { events } = await call().open()
    const seen: unknown[] = []
    for await (const batch of events) for (const { event } of batch) if (event.case === 'usage') seen.push(event.value)
    expect(book.settled).toHaveLength(1)
    const [{ record, intent } = { record: undefined, intent: 0 }] = book.settled
    expect(intent).toBe(17)
    expect(seen).toEqual([told])
    expect(record?.usage).toBe(told)
    expect(records).toEqual([record])
    expect(record).toMatchObject({
      id: 'ours',
      clientRequestId: 'mine',
      account: 'default',
      vendor: 'made',
      cost: { nanoUsd: 3000n, version: 'list 1' },
      requestBytes: 44,
      responseBytes: 50,
      upstreamRequestId: 'up-1',
      finishReasons: ['stop'],
    })
    expect(book.intents).toEqual([
      {
        id: 'ours',
        clientRequestId: 'mine',
        keyId: 'open',
        account: 'default',
        dialect: 'test',
        operation: 'chat',
        streaming: true,
        alias: 'any',
        provider: 'one',
        model: 'm',
        vendor: 'made',
        startedAt: record?.startedAt,
        requestBytes: 44,
        inputEstimate: 2,
      },
    ])
  })

  test('has one intent and one settlement, however many targets were asked', async () => {
    const { book, story, call } = rig({ one: [fail('provider_error', 'x')], two: hello })
    await read(call(), story)
    expect(story.filter((word) => word.startsWith('asked'))).toEqual(['asked one', 'asked two'])
    expect([book.intents.length, book.settled.length, book.noted.length]).toEqual([1, 1, 0])
    expect(book.settled[0]?.record).toMatchObject({ provider: 'two', responseBytes: 50 })
  })

  test('of a model without a price has no cost, not a cost of nothing', async () => {
    const { book, story, call } = rig({ one: hello }, { pricing: { cost: nothing } })
    await read(call(), story)
    expect(book.settled[0]?.record).not.toHaveProperty('cost')
  })
})

describe('a call that fails', () => {
  test('is settled before its client is told', async () => {
    const { book, story, call } = rig({ one: [[started({}), textDelta('a')], fail('provider_interrupted', 'cut')] })
    const gate = Promise.withResolvers<void>()
    book.settling = gate.promise
    const reading = read(call(), story)
    await settle()
    expect(story).toEqual(['intent', 'asked one', 'saw started', 'saw a'])
    gate.resolve()
    await reading
    expect(story.slice(4)).toEqual(['settled error', 'provider_interrupted'])
  })

  test('before its first event is settled before its client is told, and costs nothing', async () => {
    const { book, story, call } = rig({ one: [fail('provider_error', 'x')] })
    await read(call(), story)
    expect(story).toEqual(['intent', 'asked one', 'settled error', 'provider_error'])
    expect(book.settled[0]?.record).toMatchObject({ reason: 'provider_error', cost: { nanoUsd: 0n }, httpStatus: 502 })
  })

  test('and cannot be settled fails as it would have', async () => {
    const { book, story, call } = rig({ one: [fail('rate_limited', 'x')] })
    book.settling = Promise.reject(full)
    await read(call(), story)
    expect(story.at(-1)).toBe('rate_limited')
  })

  test('because its client left is settled for what it consumed', async () => {
    const { book, records, call } = rig({ one: hello })
    const { events } = await call().open()
    await events.next()
    await events.next()
    await events.return()
    expect(book.settled[0]?.record).toMatchObject({
      status: 'cancelled',
      usage: { inputTokens: 2, outputTokens: 1, estimated: true },
    })
    expect(records).toHaveLength(1)
  })

  test('because its client left before it read anything is settled', async () => {
    const { book, call } = rig({ one: hello })
    const made = call()
    await made.open()
    made.cancel(fail('client_closed', 'gone'))
    await settle()
    expect(book.settled).toMatchObject([{ record: { status: 'cancelled' }, intent: 17 }])
  })

  test('because its provider never stops is settled, and does not fill the memory', async () => {
    const { book, story, call } = rig({
      one: [[started({}), stop], ...Array.from({ length: 20_000 }, () => [rawOnly('more')])],
    })
    await read(call(), story)
    expect(story.at(-1)).toBe('provider_error')
    expect(book.settled[0]?.record).toMatchObject({ status: 'error', reason: 'provider_error' })
  })
})

describe('a ledger without room', () => {
  test('refuses a call before any provider is asked', async () => {
    const { book, story, records, call } = rig({ one: hello })
    book.beginning = Promise.reject(full)
    await read(call(), story)
    expect(story).toEqual(['store_unavailable'])
    expect(book.settled).toEqual([])
    expect(book.noted).toMatchObject([{ status: 'error', reason: 'store_unavailable', httpStatus: 503 }])
    expect(records).toMatchObject([{ reason: 'store_unavailable' }])
  })

  test('has the client told of an error instead of an end', async () => {
    const { book, story, records, call } = rig({ one: hello })
    book.settling = Promise.reject(full)
    await read(call(), story)
    expect(story.slice(2)).toEqual(['saw started', 'saw hel', 'saw lo', 'upstream ended', 'store_unavailable'])
    expect(records).toMatchObject([{ status: 'error', reason: 'store_unavailable', httpStatus: 503, usage: told }])
    expect(book.settled).toHaveLength(1)
  })
})

describe('a call that asks nobody', () => {
  test('is noted, with the name that it asked for', async () => {
    const { book, story, call } = rig({ one: hello })
    await read(call('unknown'), story)
    expect(story).toEqual(['model_not_found'])
    expect(book.intents).toEqual([])
    expect(book.noted).toMatchObject([
      { alias: 'unknown', reason: 'model_not_found', account: 'default', provider: '' },
    ])
  })

  test('at the edge is noted where its caller is known, and not otherwise', () => {
    const { book, core } = rig({})
    const refusal = {
      id: 'i',
      clientRequestId: '',
      requestId: 'i',
      dialect: 'd',
      operation: 'chat',
      arrivedAt: 0,
      error: fail('payload_too_large', 'x'),
    }
    core.refuse({ ...refusal, principal: undefined })
    expect(book.noted).toEqual([])
    core.refuse({ ...refusal, principal: core.authenticate(undefined) })
    expect(book.noted).toMatchObject([
      { id: 'i', keyId: 'open', account: 'default', httpStatus: 413, cost: { nanoUsd: 0n } },
    ])
  })
})

describe('content', () => {
  test('is not kept', async () => {
    const { book, story, call } = rig({ one: hello }, { keepsContent: (account) => account !== 'default' })
    await read(call(), story)
    expect(book.settled).toMatchObject([{ content: undefined }])
  })

  test('is kept where the account wants it, as JSON of the contract', async () => {
    const { book, story, call } = rig({ one: hello }, { keepsContent: (account) => account === 'default' })
    await read(call(), story)
    const content = book.settled[0]?.content
    expect(JSON.parse(content?.request ?? '')).toEqual({
      model: 'any',
      messages: [{ role: 'ROLE_USER', parts: [{ text: { text: '12345678' } }] }],
    })
    expect(JSON.parse(content?.response ?? '')).toMatchObject({
      id: 'a',
      choices: [
        {
          message: { role: 'ROLE_ASSISTANT', parts: [{ text: { text: 'hello' } }] },
          finishReason: 'FINISH_REASON_STOP',
        },
      ],
      usage: { inputTokens: 3, outputTokens: 2 },
    })
  })
})

describe('a count of tokens', () => {
  test('asks the provider only when its intent is durable, and is settled before it is told', async () => {
    const { book, story, count } = rig({ one: hello }, {}, () => {
      story.push('counted')
      return Promise.resolve({ inputTokens: 9 })
    })
    expect(await count()).toMatchObject({ inputTokens: 9, estimated: false })
    expect(story).toEqual(['intent', 'counted', 'settled ok'])
    expect(book.settled).toMatchObject([
      {
        record: {
          operation: 'count_tokens',
          provider: 'one',
          status: 'ok',
          cost: { nanoUsd: 0n },
          attempts: [{ status: 'ok' }],
        },
      },
    ])
  })

  test('that fails is settled as such', async () => {
    const { book, count } = rig({ one: hello }, {}, () => Promise.reject(fail('rate_limited', 'x')))
    await expect(count()).rejects.toMatchObject({ reason: 'rate_limited' })
    expect(book.settled).toMatchObject([
      { record: { status: 'error', reason: 'rate_limited', attempts: [{ reason: 'rate_limited' }] } },
    ])
  })

  test('that no provider is asked for is noted', async () => {
    const { book, count } = rig({ one: hello })
    expect(await count()).toMatchObject({ inputTokens: 2, estimated: true })
    expect(book.intents).toEqual([])
    expect(book.noted).toMatchObject([{ operation: 'count_tokens', status: 'ok' }])
  })

  test('is refused when there is no room', async () => {
    const { book, story, count } = rig({ one: hello }, {}, () => {
      story.push('counted')
      return Promise.resolve({ inputTokens: 9 })
    })
    book.beginning = Promise.reject(full)
    await expect(count()).rejects.toMatchObject({ reason: 'store_unavailable' })
    expect(story).toEqual([])
  })
})
