import { isMessage } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { type ChatEvent, ChatEventSchema } from '#gen/switchyard/v1/chat_pb.ts'
import { started, textDelta, usageEvent } from '../model/events.ts'
import { usage } from '../model/usage.ts'
import { completeEvents } from './complete.ts'
import type { ChatEventInit } from './contract.ts'

async function completed(...items: (ChatEventInit | readonly ChatEventInit[])[]): Promise<(readonly ChatEvent[])[]> {
  async function* source() {
    yield* items
  }
  const batches: (readonly ChatEvent[])[] = []
  for await (const batch of completeEvents(source())) batches.push(batch)
  return batches
}

test('passes a complete batch on as it is, without a copy', async () => {
  const batch = [started({ id: 'r' }), textDelta('a')]
  const [passed] = await completed(batch)
  expect(passed).toBe(batch)
})

test('makes a batch of a single event', async () => {
  const event = textDelta('a')
  const [batch] = await completed(event)
  expect(batch).toHaveLength(1)
  expect(batch?.[0]).toBe(event)
})

test('completes literals, and leaves complete events beside them alone', async () => {
  const event = textDelta('a')
  const [first, second] = await completed([event, { event: { case: 'started', value: { id: 'r' } } }], {
    event: { case: 'toolCallDelta', value: { name: 'look', signature: { vendor: 'acme' } } },
    choice: 2,
  })
  expect(first?.[0]).toBe(event)
  expect(first?.[1]).toEqual(started({ id: 'r' }))
  expect(second).toMatchObject([
    { choice: 2, raw: '', event: { value: { index: 0, argumentsJson: '', signature: { vendor: 'acme', value: '' } } } },
  ])
  expect(isMessage(second?.[0], ChatEventSchema)).toBe(true)
})

test('completes the value of an event that has a type name but is not complete', async () => {
  const half = { ...textDelta('a'), event: { case: 'started', value: { id: 'r' } } } as ChatEventInit
  const [batch] = await completed(half)
  expect(batch?.[0]).toEqual(started({ id: 'r' }))
})

test('leaves out an empty batch, which would look like a first event', async () => {
  expect(await completed([], textDelta('a'), [])).toHaveLength(1)
})

test('ends the source when it is left', async () => {
  let ended = false
  async function* source() {
    try {
      for (;;) yield textDelta('a')
    } finally {
      ended = true
    }
  }
  for await (const batch of completeEvents(source())) {
    expect(batch).toHaveLength(1)
    break
  }
  expect(ended).toBe(true)
})

test('leaves out what the contract cannot carry of an object of the vendor', async () => {
  const raw = { deep: [Infinity] }
  const note = { event: { case: 'annotation' as const, value: { type: 'note', raw } } }
  const counted = usageEvent(usage({ inputTokens: 1, raw }))
  const kept = usageEvent(usage({ inputTokens: 1, raw: { tokens: 1 } }))
  const [batch] = await completed([note, counted, kept])
  expect(batch?.map(({ event }) => event.value)).toMatchObject([
    { type: 'note', raw: undefined },
    { inputTokens: 1, raw: undefined },
    { inputTokens: 1, raw: { tokens: 1 } },
  ])
})
