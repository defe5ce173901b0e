import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { type ChatEvent, ChatRequestSchema, FinishReason, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { fail } from '../error/index.ts'
import {
  finished,
  reasoningDelta,
  refusalDelta,
  started,
  textDelta,
  toolCallDelta,
  usageEvent,
} from '../model/events.ts'
import { usage } from '../model/usage.ts'
import { openPrincipal } from './admit.ts'
import type { CallRecord, Recorder, Target } from './contract.ts'
import { type Measured, Meter } from './meter.ts'
import { chat } from './operations/chat.ts'
import { recordRefusal } from './refusal.ts'

/** Keeps what it is told. */
class Notes implements Recorder {
  readonly begun: string[] = []
  readonly records: CallRecord[] = []

  began(dialect: string): void {
    this.begun.push(dialect)
  }

  settled(record: CallRecord): void {
    this.records.push(record)
  }
}

const text = (value: string) => ({ kind: { case: 'text' as const, value: { text: value } } })

function input(fields: Partial<Measured<'chat'>> = {}): Measured<'chat'> {
  const request = create(ChatRequestSchema, {
    model: 'fast',
    messages: [
      { role: Role.SYSTEM, parts: [text('12345678')] },
      { role: Role.USER, parts: [text('1234'), { kind: { case: 'toolResult', value: { parts: [text('1234')] } } }] },
      { role: Role.ASSISTANT, parts: [{ kind: { case: 'toolCall', value: { argumentsJson: '{"a":1}!' } } }] },
    ],
  })
  return {
    id: 'r1',
    clientRequestId: '',
    requestId: 'r1',
    dialect: 'openai',
    principal: openPrincipal,
    arrivedAt: performance.now(),
    request,
    requestBytes: 100,
    streaming: true,
    ...fields,
  }
}

function target(model: string): Target {
  const record = create(ProviderSchema, { name: 'up' })
  return { provider: { record, provider: {}, credentials: [], models: [], patterns: [] }, model }
}

/** What is recorded when these batches are seen and the call then ends so. */
function settled(batches: readonly (readonly ChatEvent[])[], error?: ReturnType<typeof fail>): CallRecord {
  const notes = new Notes()
  const meter = new Meter(chat, input(), { recorder: notes })
  for (const batch of batches) meter.observe(batch)
  void meter.settle(error)
  expect(notes.records).toHaveLength(1)
  const [record] = notes.records
  if (record === undefined) throw new Error('nothing was recorded')
  return record
}

const counts = { inputTokens: 100, outputTokens: 50, cacheReadTokens: 10, reasoningTokens: 5 }
const end = finished({ reason: FinishReason.STOP })

describe('what a call consumed', () => {
  test('is what the upstream said, and the very same object', () => {
    const told = usage(counts)
    const record = settled([
      [started({}), textDelta('x'.repeat(4000))],
      [end, usageEvent(told)],
    ])
    expect(record.usage).toBe(told)
    expect(record.usage.estimated).toBe(false)
  })

  test('is what parts of an answer did that never came, at the prices of whom they were of', () => {
    const notes = new Notes()
    const pricing = {
      cost: (_vendor: string, model: string, { inputTokens }: Usage) => ({
        nanoUsd: BigInt(inputTokens * (model === 'dear' ? 10 : 1)),
        version: 'list 1',
      }),
    }
    const meter = new Meter(chat, input(), { recorder: notes, pricing })
    for (const model of ['dear', 'cheap']) {
      meter.aimed(target(model), true)
      meter.consumed(usage({ inputTokens: 3 }))
      meter.consumed(usage({ inputTokens: 4, outputUnknown: true }))
    }
    void meter.settle(fail('provider_unavailable', 'away'))
    expect(notes.records).toMatchObject([
      { usage: { inputTokens: 14, estimated: true, outputUnknown: false }, cost: { nanoUsd: 77n, version: 'list 1' } },
    ])
  })

  test('is no part of an answer beside the whole', () => {
    const meter = new Meter(chat, input(), { recorder: new Notes() })
    meter.consumed(usage({ inputTokens: 3 }))
    meter.observe([end, usageEvent(usage(counts))])
    expect(meter.usage()).toMatchObject(counts)
  })

  test('is what the upstream said last', () => {
    const record = settled([[usageEvent(usage({ inputTokens: 1 }))], [end, usageEvent(usage(counts))]])
    expect(record.usage.inputTokens).toBe(100)
  })

  test('is what the upstream said also when its answer was cut', () => {
    const record = settled([[textDelta('x')], [usageEvent(usage(counts))]], fail('provider_interrupted', 'cut'))
    expect(record.usage).toMatchObject({ ...counts, estimated: false })
  })

  test('is estimated by what was read and written when the upstream did not say', () => {
    const written = [
      textDelta('12345678'),
      reasoningDelta({ text: '1234' }),
      refusalDelta('1234'),
      toolCallDelta({ name: 'four', argumentsJson: '{"a"' }),
    ]
    // 24 characters to read: two texts, a tool's result and a call's arguments.
    expect(settled([[started({})], written, [end]]).usage).toMatchObject({
      inputTokens: 6,
      outputTokens: 6,
      estimated: true,
    })
  })

  test.each(['client_closed', 'provider_interrupted', 'timeout', 'shutting_down'] as const)(
    'is estimated when it ended by %s after its first event',
    (reason) => {
      const { usage: spent } = settled([[started({}), textDelta('12345')]], fail(reason, 'x'))
      expect(spent).toMatchObject({ inputTokens: 6, outputTokens: 2, estimated: true })
    },
  )

  test('is nothing when there was no event', () => {
    expect(settled([], fail('provider_error', 'x')).usage).toMatchObject({
      inputTokens: 0,
      outputTokens: 0,
      estimated: false,
    })
  })

  test('is told to the client as the object that is recorded', () => {
    const notes = new Notes()
    const meter = new Meter(chat, input(), { recorder: notes })
    meter.observe([textDelta('word')])
    expect(meter.uncounted).toBe(true)
    const told = meter.usage()
    meter.observe([usageEvent(told)])
    void meter.settle(undefined)
    expect(notes.records[0]?.usage).toBe(told)
    expect(meter.uncounted).toBe(false)
  })

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '7' as unknown as number, null as unknown as number])(
    'is never %s tokens, for the client neither, but what there is to see',
    (count) => {
      const told = usage({ inputTokens: 100, outputTokens: count, audioInputTokens: count, audioSeconds: count })
      const record = settled([[textDelta('12345'), end, usageEvent(told)]])
      expect(record.usage).toBe(told)
      expect(told).toMatchObject({ inputTokens: 100, outputTokens: 2, audioInputTokens: 0, estimated: true })
      expect(told.audioSeconds).toBe(0)
    },
  )

  test.each([
    [{ inputUnknown: true }, { inputTokens: 6, outputTokens: 50 }],
    [
      { outputUnknown: true, outputTokens: 0 },
      { inputTokens: 100, outputTokens: 10 },
    ],
    [
      { outputUnknown: true, outputTokens: 1, reasoningTokens: 30 },
      { inputTokens: 100, outputTokens: 30 },
    ],
    [
      { inputUnknown: true, cacheReadTokens: 7, cacheWrite1hTokens: 2 },
      { inputTokens: 9, outputTokens: 50 },
    ],
  ])('is estimated where the upstream does not know it, and no less than its parts: %j', (fields, spent) => {
    const told = usage({ outputTokens: 50, ...('inputUnknown' in fields ? {} : { inputTokens: 100 }), ...fields })
    const record = settled([
      [started({}), textDelta('x'.repeat(40))],
      [end, usageEvent(told)],
    ])
    expect(record.usage).toBe(told)
    expect(told).toMatchObject({ ...spent, estimated: true, inputUnknown: false, outputUnknown: false })
  })

  test.each([
    [
      { inputTokens: 0, outputTokens: 0 },
      { inputTokens: 0, outputTokens: 0 },
    ],
    [
      { inputTokens: -1, outputTokens: -9, audioInputTokens: 4, reasoningTokens: 5 },
      { inputTokens: 4, outputTokens: 5 },
    ],
    [
      { inputTokens: 0, cacheReadTokens: 8, outputTokens: 0, imageOutputTokens: 3 },
      { inputTokens: 8, outputTokens: 3 },
    ],
  ])('is as told where zero is told, and no less than its parts: %j', (fields, spent) => {
    const record = settled([[textDelta('x'.repeat(40)), end, usageEvent(usage(fields))]])
    expect(record.usage).toMatchObject({ ...spent, estimated: false })
  })

  test('is taken again when a provider tells it again in the same object', () => {
    const notes = new Notes()
    const meter = new Meter(chat, input(), { recorder: notes })
    const told = usage({ inputTokens: 3, outputTokens: 1 })
    meter.observe([usageEvent(told)])
    Object.assign(told, { outputTokens: -5, inputTokens: 4 })
    meter.observe([textDelta('1234'), end, usageEvent(told)])
    void meter.settle(undefined)
    expect(notes.records[0]?.usage).toMatchObject({ inputTokens: 4, outputTokens: 1, estimated: true })
  })

  test('is told again when it was estimated before the end', () => {
    const notes = new Notes()
    const meter = new Meter(chat, input(), { recorder: notes })
    const told = usage({ inputTokens: 100, outputUnknown: true })
    meter.observe([textDelta('1234'), usageEvent(told)])
    expect([told.outputTokens, meter.uncounted]).toEqual([1, false])
    meter.observe([textDelta('5678'), end])
    expect(meter.uncounted).toBe(true)
    expect(meter.usage()).toBe(told)
    meter.observe([usageEvent(meter.usage())])
    void meter.settle(undefined)
    expect(notes.records[0]?.usage).toBe(told)
    expect([told.outputTokens, told.estimated, meter.uncounted]).toEqual([2, true, false])
  })
})

describe('a settled call', () => {
  test('is recorded once, by its first outcome', () => {
    const notes = new Notes()
    const meter = new Meter(chat, input(), { recorder: notes })
    void meter.settle(fail('client_closed', 'left'))
    void meter.settle(undefined)
    void meter.settle(fail('internal', 'x'))
    expect(notes.begun).toEqual(['openai'])
    expect(notes.records.map(({ status, reason }) => [status, reason])).toEqual([['cancelled', 'client_closed']])
  })

  test.each([
    [undefined, 'ok', 200],
    ['client_closed', 'cancelled', 499],
    ['timeout', 'error', 504],
    ['provider_credential', 'error', 502],
  ] as const)('that ended by %s is %s, with status %i', (reason, status, httpStatus) => {
    const record = settled([[end]], reason === undefined ? undefined : fail(reason, 'x'))
    expect([record.status, record.httpStatus, record.reason]).toEqual([status, httpStatus, reason])
  })

  test('knows its target, its tries and how its choices ended', () => {
    const notes = new Notes()
    const meter = new Meter(chat, input({ streaming: false }), { recorder: notes })
    meter.account('acme')
    meter.aimed(target('m'), true)
    meter.attempted({ provider: 'up', model: 'm', status: 'ok', began: 1, duration: 2 })
    meter.observe([started({ upstreamRequestId: 'u1' }), end, finished({ reason: FinishReason.TOOL_CALLS }, 1)])
    void meter.settle(undefined)
    expect(notes.records[0]).toMatchObject({
      id: 'r1',
      keyId: 'open',
      account: 'acme',
      alias: 'fast',
      provider: 'up',
      model: 'm',
      modelLabel: 'm',
      streaming: false,
      upstreamRequestId: 'u1',
      finishReasons: ['stop', 'tool_calls'],
      attempts: [expect.objectContaining({ provider: 'up', status: 'ok' })],
    })
    expect(notes.records[0]?.timeToFirstEvent).toBeGreaterThanOrEqual(0)
  })

  test('that never had an event has no time to it', () => {
    expect(settled([], fail('timeout', 'x'))).not.toHaveProperty('timeToFirstEvent')
  })
})

test('what never became a call is recorded without a target and without tokens', () => {
  const notes = new Notes()
  const error = fail('unauthenticated', 'no key')
  recordRefusal(
    { recorder: notes },
    {
      id: 'r2',
      clientRequestId: '',
      requestId: 'r2',
      dialect: 'sgp',
      operation: 'chat',
      principal: undefined,
      arrivedAt: performance.now(),
      error,
    },
  )
  expect(notes.begun).toEqual(['sgp'])
  expect(notes.records).toEqual([
    expect.objectContaining({
      id: 'r2',
      provider: '',
      model: '',
      alias: '',
      status: 'error',
      httpStatus: 401,
      attempts: [],
    }),
  ])
  expect(notes.records[0]?.usage).toMatchObject({ inputTokens: 0, outputTokens: 0 })
})
