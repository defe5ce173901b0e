import { create, type DescMessage, isMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf'
import { type Annotation, type ChatEvent, ChatEventSchema } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { rawOf } from '../dialects/scalars.ts'
import { fail } from '../error/index.ts'
import type { ChatEventInit } from './contract.ts'

/**
 * What a provider yields, as batches of complete messages: a single event becomes a batch of one, literals are completed,
 * a batch that is complete passes as it is, an empty one is left out. Leaving the iteration ends the source.
 */
export async function* completeEvents(
  source: AsyncIterable<ChatEventInit | readonly ChatEventInit[]>,
): AsyncGenerator<readonly ChatEvent[], void, void> {
  for await (const item of source) {
    const batch = completeBatch(item)
    if (batch.length > 0) yield batch
  }
}

/** One thing a provider yielded, as a batch of complete messages, for callers that step through a source themselves. Throws `provider_error`. */
export function completeBatch(item: ChatEventInit | readonly ChatEventInit[]): readonly ChatEvent[] {
  const batch = isBatch(item) ? (item.every(isComplete) ? item : item.map(completeEvent)) : [completeEvent(item)]
  for (const { event } of batch) {
    if (event.case === 'usage' || event.case === 'annotation') limitRaw(event.value)
    else if (event.case === 'providerPart') requireObject(event.value.json)
  }
  return batch
}

/** Throws `provider_error` for a part of a vendor's own that is no JSON object: a dialect could not write it again. */
function requireObject(json: string): void {
  if (!isObject(json)) throw fail('provider_error', 'the provider sent a part that is no JSON object')
}

function isObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

/** What the contract cannot carry of a vendor's own object is left out in place. */
function limitRaw(value: Usage | Annotation): void {
  if (value.raw !== undefined) value.raw = rawOf(value.raw)
}

function isBatch(item: ChatEventInit | readonly ChatEventInit[]): item is readonly ChatEventInit[] {
  return Array.isArray(item)
}

function isComplete(init: ChatEventInit): init is ChatEvent {
  if (init.$typeName === undefined) return false
  return init.event.case === undefined || init.event.value.$typeName !== undefined
}

function completeEvent(init: ChatEventInit): ChatEvent {
  if (isComplete(init)) return init
  // Named one by one: `create` would take a literal that carries a type name for a message and leave it as it is.
  const { event, choice, raw, rawResponse } = init
  return create(ChatEventSchema, { event, choice, raw, rawResponse } as ChatEventInit)
}

/** What a provider yielded, one event or a batch, as complete messages. Throws `provider_error` for what is none. */
export function completeSteps<Schema extends DescMessage>(schema: Schema, step: unknown): MessageShape<Schema>[] {
  const batch: readonly unknown[] = Array.isArray(step) ? step : [step]
  return batch.map((given) => {
    if (typeof given !== 'object' || given === null) throw fail('provider_error', 'the provider sent what is no event')
    return isMessage(given, schema) ? given : create(schema, given as MessageInitShape<Schema>)
  })
}
