import type {
  Annotation,
  AudioDelta,
  ChatEvent,
  Finished,
  Image,
  Logprobs,
  ProviderPart,
  ReasoningDelta,
  Signature,
  Started,
  ToolCallDelta,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'

/** The fields of a message without its type name: what a caller writes. */
export type Fields<Message> = Omit<Message, '$typeName' | '$unknown'>

/**
 * Builds events as complete messages written out as literals: the same objects that `create()` of protobuf-es returns, at a
 * tenth of its price. Streams make one for every few bytes, so this is where it counts.
 */
function event(value: ChatEvent['event'], choice: number, raw: string): ChatEvent {
  return { $typeName: 'switchyard.v1.ChatEvent', event: value, choice, raw, rawResponse: '' }
}

/** The start of an answer; what is not given is empty. */
export function started(fields: Partial<Fields<Started>>, raw = ''): ChatEvent {
  const value: Started = {
    $typeName: 'switchyard.v1.Started',
    id: '',
    model: '',
    created: 0n,
    rawDialect: '',
    dropped: [],
    upstreamRequestId: '',
    serviceTier: '',
    systemFingerprint: '',
    ...fields,
  }
  return event({ case: 'started', value }, 0, raw)
}

/** A piece of visible text. */
export function textDelta(text: string, choice = 0, raw = ''): ChatEvent {
  return event({ case: 'textDelta', value: { $typeName: 'switchyard.v1.TextDelta', text } }, choice, raw)
}

/** A piece of visible text with the signature that ends it. */
export function signedText(text: string, signature: Signature, choice = 0): ChatEvent {
  return event({ case: 'textDelta', value: { $typeName: 'switchyard.v1.TextDelta', text, signature } }, choice, '')
}

/** A piece that only one vendor knows. */
export function providerPart(value: ProviderPart, choice = 0, raw = ''): ChatEvent {
  return event({ case: 'providerPart', value }, choice, raw)
}

/** A piece of reasoning, or the signature that ends a block of it. */
export function reasoningDelta(fields: Partial<Fields<ReasoningDelta>>, choice = 0, raw = ''): ChatEvent {
  const value: ReasoningDelta = { $typeName: 'switchyard.v1.ReasoningDelta', text: '', redacted: false, ...fields }
  return event({ case: 'reasoningDelta', value }, choice, raw)
}

/** A piece of a refusal's text. */
export function refusalDelta(text: string, choice = 0, raw = ''): ChatEvent {
  return event({ case: 'refusalDelta', value: { $typeName: 'switchyard.v1.RefusalDelta', text } }, choice, raw)
}

/** A piece of a tool call; the first of an index names the tool. */
export function toolCallDelta(fields: Partial<Fields<ToolCallDelta>>, choice = 0, raw = ''): ChatEvent {
  const value: ToolCallDelta = {
    $typeName: 'switchyard.v1.ToolCallDelta',
    index: 0,
    id: '',
    name: '',
    argumentsJson: '',
    custom: false,
    ...fields,
  }
  return event({ case: 'toolCallDelta', value }, choice, raw)
}

/** A piece of spoken audio or its transcript. */
export function audioDelta(fields: Partial<Fields<AudioDelta>>, choice = 0, raw = ''): ChatEvent {
  const value: AudioDelta = {
    $typeName: 'switchyard.v1.AudioDelta',
    id: '',
    data: new Uint8Array(),
    transcript: '',
    expires: 0n,
    mediaType: '',
    ...fields,
  }
  return event({ case: 'audioDelta', value }, choice, raw)
}

/** A citation or another note on the text. */
export function annotation(value: Annotation, choice = 0, raw = ''): ChatEvent {
  return event({ case: 'annotation', value }, choice, raw)
}

/** Log probabilities of the tokens since the last such event. */
export function logprobs(value: Logprobs, choice = 0, raw = ''): ChatEvent {
  return event({ case: 'logprobs', value }, choice, raw)
}

/** An image the model made. */
export function image(value: Image, choice = 0, raw = ''): ChatEvent {
  return event({ case: 'image', value }, choice, raw)
}

/** The end of one choice. */
export function finished(
  fields: Partial<Fields<Finished>> & Pick<Finished, 'reason'>,
  choice = 0,
  raw = '',
): ChatEvent {
  const value: Finished = { $typeName: 'switchyard.v1.Finished', upstreamReason: '', stopSequence: '', ...fields }
  return event({ case: 'finished', value }, choice, raw)
}

/** What the call consumed. */
export function usageEvent(value: Usage, raw = ''): ChatEvent {
  return event({ case: 'usage', value }, 0, raw)
}

/** An upstream chunk that says nothing the contract has a field for. */
export function rawOnly(raw: string): ChatEvent {
  return event({ case: undefined }, 0, raw)
}
