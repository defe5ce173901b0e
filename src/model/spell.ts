import type { Audio, AudioDelta, ChatEvent, ChatResponse, Choice, Part, Text } from '#gen/switchyard/v1/chat_pb.ts'
import * as events from './events.ts'

/**
 * The events of a whole answer, in the order `ChatEvent` documents: the inverse of the fold. Texts that follow each other
 * become one; their annotations are counted in all the text, and stay as they are. Throws for a part that events cannot carry, rather
 * than lose it.
 */
export function spell(response: ChatResponse): ChatEvent[] {
  const { id, model, created, dropped, rawDialect, upstreamRequestId, serviceTier, systemFingerprint } = response
  const first = events.started({
    id,
    model,
    created,
    dropped,
    rawDialect,
    upstreamRequestId,
    serviceTier,
    systemFingerprint,
  })
  const spelled = [first, ...response.choices.flatMap(spellChoice), ...response.choices.map(spellEnd)]
  if (response.usage) spelled.push(events.usageEvent(response.usage))
  const last = spelled.at(-1) ?? first
  last.rawResponse = response.raw
  return spelled
}

function spellEnd({ index, finishReason: reason, upstreamReason, stopSequence }: Choice): ChatEvent {
  return events.finished({ reason, upstreamReason, stopSequence }, index)
}

function spellChoice({ index, message, logprobs }: Choice): ChatEvent[] {
  const spelled: ChatEvent[] = []
  let toolCalls = 0
  for (const { kind } of message?.parts ?? []) {
    spelled.push(...(kind.case === 'text' ? spellText(kind.value, index) : spellPart(kind, toolCalls, index)))
    if (kind.case === 'toolCall') toolCalls++
  }
  if (logprobs) spelled.push(events.logprobs(logprobs, index))
  return spelled
}

function spellText({ text, annotations, signature }: Text, choice: number): ChatEvent[] {
  const notes = annotations.map((note) => events.annotation(note, choice))
  if (signature) return [events.signedText(text, signature, choice), ...notes]
  return text === '' ? notes : [events.textDelta(text, choice), ...notes]
}

function spellPart(kind: Exclude<Part['kind'], { case: 'text' }>, toolCall: number, choice: number): ChatEvent[] {
  switch (kind.case) {
    case undefined:
      return []
    case 'reasoning': {
      const { text, signature, redacted } = kind.value
      return text === '' && !signature && !redacted
        ? []
        : [events.reasoningDelta({ text, signature, redacted }, choice)]
    }
    case 'refusal':
      return kind.value.text === '' ? [] : [events.refusalDelta(kind.value.text, choice)]
    case 'toolCall': {
      const { id, name, argumentsJson, custom, signature } = kind.value
      return [events.toolCallDelta({ index: toolCall, id, name, argumentsJson, custom, signature }, choice)]
    }
    case 'audio':
      return [events.audioDelta(spellAudio(kind.value), choice)]
    case 'image':
      return [events.image(kind.value, choice)]
    case 'providerPart':
      return [events.providerPart(kind.value, choice)]
    case 'file':
    case 'toolResult':
      throw new TypeError(`an answer cannot have a part of the kind "${kind.case}"`)
    default:
      return kind satisfies never
  }
}

function spellAudio({ source, transcript, id, expires, mediaType }: Audio): Partial<AudioDelta> {
  if (source.case === 'url') throw new TypeError('an answer cannot have audio behind a URL')
  return { id, transcript, expires, mediaType, ...(source.case === 'data' && { data: source.value }) }
}
