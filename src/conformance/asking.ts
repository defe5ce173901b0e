import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type ChatEvent,
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  FinishReason,
  Role,
  type ToolCall,
} from '#gen/switchyard/v1/chat_pb.ts'
import { GatewayError } from '../error/index.ts'
import { collect } from '../model/collect.ts'
import { completeEvents } from '../provider/complete.ts'
import type { CallContext } from '../provider/contract.ts'
import { demand, type Exam, NotSupported } from './contract.ts'

/** What a check changes in its request. */
export type Given = MessageInitShape<typeof ChatRequestSchema>

/** A request of one text to the examined model. */
export function asked({ subject }: Exam, text: string, given: Given = {}): ChatRequest {
  const messages = [{ role: Role.USER, parts: [{ kind: { case: 'text' as const, value: { text } } }] }]
  return create(ChatRequestSchema, { model: subject.model, messages, ...given })
}

/** The context of one call, ended by the check's own signal and by `signal`. */
export function contextOf({ subject, signal: limit }: Exam, streaming: boolean, signal?: AbortSignal): CallContext {
  const ended = signal === undefined ? limit : AbortSignal.any([limit, signal])
  return { ...subject.surroundings, requestId: `conformance-${randomUUID()}`, streaming, signal: ended }
}

/** The events of one answer, as batches. */
export function call(
  exam: Exam,
  request: ChatRequest,
  streaming: boolean,
  signal?: AbortSignal,
): AsyncIterable<readonly ChatEvent[]> {
  const { provider } = exam.subject
  if (provider.chat === undefined) throw new NotSupported('it does not chat')
  return completeEvents(provider.chat(request, contextOf(exam, streaming, signal)))
}

/** Asks whole and as a stream, and holds both answers to the same. */
export async function inBothWays(
  exam: Exam,
  request: ChatRequest,
  check: (response: ChatResponse, way: string) => void,
): Promise<void> {
  check(await collect(call(exam, request, false)), 'asked whole')
  check(await collect(call(exam, request, true)), 'asked as a stream')
  await becomesIdle(exam)
}

const refusals: ReadonlySet<string> = new Set([
  'unsupported_field',
  'unsupported_operation',
  'invalid_request',
  'unprocessable',
])

/**
 * Asks in both ways for something a subject need not have. It is not supported when the subject names a field like `fields` as
 * dropped, or refuses the request; to leave it out without a word is a failure.
 */
export async function whereSupported(
  exam: Exam,
  request: ChatRequest,
  fields: RegExp,
  check: (response: ChatResponse, way: string) => void,
): Promise<void> {
  try {
    await inBothWays(exam, request, (response, way) => {
      const dropped = response.dropped.filter((path) => fields.test(path))
      if (dropped.length > 0) throw new NotSupported(`dropped, and says so: ${dropped.join(', ')}`)
      check(response, way)
    })
  } catch (error) {
    if (!(error instanceof GatewayError) || !refusals.has(error.reason)) throw error
    throw new NotSupported(`refused: ${error.message}`)
  }
}

/** What a call that is to fail gave before it failed, and what it threw; undefined when it did not fail. */
export async function failureOf(
  source: AsyncIterable<readonly ChatEvent[]>,
): Promise<{ readonly events: readonly ChatEvent[]; readonly error: unknown }> {
  const events: ChatEvent[] = []
  try {
    for await (const batch of source) events.push(...batch)
  } catch (error) {
    return { events, error }
  }
  return { events, error: undefined }
}

/** The text of the first answer. */
export function textOf(response: ChatResponse): string {
  const parts = response.choices[0]?.message?.parts ?? []
  return parts.map(({ kind }) => (kind.case === 'text' ? kind.value.text : '')).join('')
}

/** The tool calls of the first answer. */
export function toolCallsOf(response: ChatResponse): readonly ToolCall[] {
  const parts = response.choices[0]?.message?.parts ?? []
  return parts.flatMap(({ kind }) => (kind.case === 'toolCall' ? [kind.value] : []))
}

const patienceMs = 5000

/** Waits until nothing is being answered any more at the far end, where that can be seen. Throws after five seconds. */
export async function becomesIdle({ subject }: Exam): Promise<void> {
  const began = performance.now()
  for (;;) {
    const running = (await subject.running?.()) ?? 0
    if (running === 0) return
    demand(performance.now() - began < patienceMs, `${running} answer(s) are still being made that nobody waits for`)
    await setTimeout(10)
  }
}

/** Waits until an answer is being made at the far end; where that cannot be seen, a moment. */
export async function isRunning({ subject }: Exam): Promise<void> {
  if (subject.running === undefined) await setTimeout(50)
  const began = performance.now()
  while ((await subject.running?.()) === 0 && performance.now() - began < patienceMs) await setTimeout(10)
}

/** A finish reason's name in the contract. */
export function wordFor(reason: FinishReason | undefined): string {
  return Object.entries(FinishReason).find(([, value]) => value === reason)?.[0] ?? 'no reason'
}

/** What was thrown, in words. */
export function wordsOf(error: unknown): string {
  if (error instanceof GatewayError) return `${error.reason}: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}
