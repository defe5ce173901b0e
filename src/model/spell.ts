import type {
  Annotation,
  Audio,
  AudioDelta,
  ChatEvent,
  ChatResponse,
  Choice,
  Part,
  Text,
} from '#gen/switchyard/v1/chat_pb.ts'
import * as events from './events.ts'

/**
 * The events of a whole answer, in the order `ChatEvent` documents: the inverse of the fold. Texts that follow each other
 * become one, their annotations moved along. Throws for a part that events cannot carry, rather than lose it.
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
  let textBefore = 0
  for (const { kind } of message?.parts ?? []) {
    const deltas = kind.case === 'text' ? spellText(kind.value, textBefore, index) : spellPart(kind, toolCalls, index)
    spelled.push(...deltas)
    if (kind.case === 'toolCall') toolCalls++
    if (kind.case === 'text') textBefore = kind.value.signature ? 0 : textBefore + kind.value.text.length
    else if (deltas.length > 0) textBefore = 0
  }
  if (logprobs) spelled.push(events.logprobs(logprobs, index))
  return spelled
}

/** `before` is the length of the text this one is going to be joined to. */
function spellText({ text, annotations, signature }: Text, before: number, choice: number): ChatEvent[] {
  const notes = annotations.map((note) => events.annotation(moved(note, before), choice))
  if (signature) return [events.signedText(text, signature, choice), ...notes]
  return text === '' ? notes : [events.textDelta(text, choice), ...notes]
}

function moved(note: Annotation, by: number): Annotation {
  if (by === 0 || note.endIndex === 0) return note
  return { ...note, startIndex: note.startIndex + by, endIndex: note.endIndex + by }
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
