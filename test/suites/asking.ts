import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { expect } from 'vitest'
import {
  type ChatEvent,
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  Role,
} from '#gen/switchyard/v1/chat_pb.ts'
import { type CallContext, completeEvents, fail, type Provider } from '#provider'

const noNetwork = async (): Promise<never> => {
  throw fail('internal', 'a test asked for the network')
}

/** A context without any network, whose log is thrown away. */
export function contextFor(given: Partial<CallContext> = {}): CallContext {
  return {
    signal: new AbortController().signal,
    streaming: true,
    requestId: 'test-request',
    egress: { send: noNetwork, sendGuarded: noNetwork, close: async () => {} },
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    ...given,
  }
}

/** A request with what matters to a test. */
export function ask(model: string, text: string, given: MessageInitShape<typeof ChatRequestSchema> = {}): ChatRequest {
  const messages = [{ role: Role.USER, parts: [{ kind: { case: 'text' as const, value: { text } } }] }]
  return create(ChatRequestSchema, { model, messages, ...given })
}

/** The events of one answer. */
export function chat(
  provider: Provider,
  request: ChatRequest,
  given?: Partial<CallContext>,
): AsyncIterable<readonly ChatEvent[]> {
  if (!provider.chat) throw new Error('the provider cannot chat')
  return completeEvents(provider.chat(request, contextFor(given)))
}

/** The kinds of the first answer's parts. */
export function partsOf(response: ChatResponse): readonly { readonly case: unknown; readonly value?: unknown }[] {
  return response.choices[0]?.message?.parts.map(({ kind }) => kind) ?? []
}

/** The text of the first answer. */
export function textOf(response: ChatResponse): string {
  const parts = response.choices[0]?.message?.parts ?? []
  return parts.map(({ kind }) => (kind.case === 'text' ? kind.value.text : '')).join('')
}

/** What a failing call gave before it failed, and what it threw. */
export async function failureOf(
  source: AsyncIterable<readonly ChatEvent[]>,
): Promise<{ events: ChatEvent[]; error: unknown }> {
  const events: ChatEvent[] = []
  try {
    for await (const batch of source) events.push(...batch)
  } catch (error) {
    return { events, error }
  }
  return expect.fail('the call did not fail')
}

/** Waits for something that is about to become true. */
export async function until(holds: () => boolean): Promise<void> {
  await expect.poll(holds, { interval: 10 }).toBe(true)
}
