import { FinishReason, Role } from '#gen/switchyard/v1/chat_pb.ts'
import type {
  Audio,
  AudioDelta,
  ChatEvent,
  ChatResponse,
  Choice,
  Finished,
  Logprobs,
  Message,
  Part,
  Reasoning,
  ReasoningDelta,
  Refusal,
  Started,
  Text,
  TextDelta,
  ToolCall,
  ToolCallDelta,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'

export { spell } from './spell.ts'

/** Folds a stream to the whole answer it spells. Throws what the stream throws; judges nothing, not even a missing end. */
export async function collect(source: AsyncIterable<readonly ChatEvent[]>): Promise<ChatResponse> {
  const fold = new Fold()
  for await (const batch of source) fold.add(batch)
  return fold.response()
}

type ChoiceEvent = Exclude<ChatEvent['event'], { case: 'started' | 'usage' | undefined }>

/** A whole answer in the making, for callers that have the batches in hand. Never changes the events it is given. */
export class Fold {
  readonly #choices = new Map<number, ChoiceFold>()
  #started: Partial<Started> = {}
  #usage: Usage | undefined
  #rawResponse = ''

  /** Takes in events that arrived together. Of `started`, `usage` and `rawResponse` the last one given holds. */
  add(batch: readonly ChatEvent[]): void {
    for (const event of batch) this.#step(event)
  }

  /** The answer as far as it is known. Shares its parts with the fold: ask once, at the end. */
  response(): ChatResponse {
    const choices = [...this.#choices].toSorted(([one], [other]) => one - other)
    return {
      $typeName: 'switchyard.v1.ChatResponse',
      id: this.#started.id ?? '',
      model: this.#started.model ?? '',
      created: this.#started.created ?? 0n,
      choices: choices.map(([index, choice]) => choice.choice(index)),
      usage: this.#usage,
      dropped: this.#started.dropped ?? [],
      raw: this.#rawResponse,
      rawDialect: this.#started.rawDialect ?? '',
      upstreamRequestId: this.#started.upstreamRequestId ?? '',
      serviceTier: this.#started.serviceTier ?? '',
      systemFingerprint: this.#started.systemFingerprint ?? '',
    }
  }

  #step({ event, choice, rawResponse }: ChatEvent): void {
    if (rawResponse !== '') this.#rawResponse = rawResponse
    if (event.case === undefined) return
    if (event.case === 'started') this.#started = event.value
    else if (event.case === 'usage') this.#usage = event.value
    else this.#choice(choice).add(event)
  }

  #choice(index: number): ChoiceFold {
    const known = this.#choices.get(index)
    if (known) return known
    const choice = new ChoiceFold()
    this.#choices.set(index, choice)
    return choice
  }
}

/** One of the n answers in the making: parts in order of appearance, the last one open for more of its kind. */
class ChoiceFold {
  readonly #parts: Part[] = []
  readonly #calls = new Map<number, ToolCall>()
  #last: Part['kind'] = { case: undefined }
  #text: Text | undefined
  #audio: Audio | undefined
  #sound: Uint8Array[] = []
  #logprobs: Logprobs | undefined
  #finished: Finished | undefined

  add(event: ChoiceEvent): void {
    switch (event.case) {
      case 'textDelta':
        this.#addText(event.value)
        return
      case 'reasoningDelta':
        this.#addReasoning(event.value)
        return
      case 'refusalDelta':
        if (event.value.text !== '') this.#openRefusal().text += event.value.text
        return
      case 'toolCallDelta':
        this.#addToolCall(event.value)
        return
      case 'audioDelta':
        this.#addAudio(event.value)
        return
      case 'annotation':
        // A note may come late: it is on the latest text, whatever followed that.
        ;(this.#text ?? this.#openText()).annotations.push(event.value)
        return
      case 'image':
        this.#open({ case: 'image', value: event.value })
        return
      case 'providerPart':
        this.#open({ case: 'providerPart', value: event.value })
        return
      case 'logprobs':
        this.#addLogprobs(event.value)
        return
      case 'finished':
        this.#finished = event.value
        return
      default:
        event satisfies never
    }
  }

  choice(index: number): Choice {
    if (this.#audio && this.#sound.length > 0) this.#audio.source = { case: 'data', value: join(this.#sound) }
    const message: Message = { $typeName: 'switchyard.v1.Message', role: Role.ASSISTANT, parts: this.#parts, name: '' }
    return {
      $typeName: 'switchyard.v1.Choice',
      index,
      message,
      finishReason: this.#finished?.reason ?? FinishReason.UNSPECIFIED,
      upstreamReason: this.#finished?.upstreamReason ?? '',
      stopSequence: this.#finished?.stopSequence ?? '',
      logprobs: this.#logprobs,
    }
  }

  #open(kind: Part['kind']): void {
    this.#parts.push({ $typeName: 'switchyard.v1.Part', kind })
    this.#last = kind
  }

  #addText({ text, signature }: TextDelta): void {
    if (text === '' && !signature) return
    const part = this.#openText()
    part.text += text
    if (signature) part.signature = signature
  }

  /** The open text, or a new one: a signature has ended the text before it. */
  #openText(): Text {
    if (this.#last.case === 'text' && !this.#last.value.signature) return this.#last.value
    const value: Text = { $typeName: 'switchyard.v1.Text', text: '', annotations: [] }
    this.#open({ case: 'text', value })
    this.#text = value
    return value
  }

  #openRefusal(): Refusal {
    if (this.#last.case === 'refusal') return this.#last.value
    const value: Refusal = { $typeName: 'switchyard.v1.Refusal', text: '' }
    this.#open({ case: 'refusal', value })
    return value
  }

  #addReasoning({ text, signature, redacted }: ReasoningDelta): void {
    if (text === '' && !signature && !redacted) return
    const block = this.#openReasoning(redacted)
    block.text += text
    if (signature) block.signature = signature
  }

  /** The open block of reasoning, or a new one: a signature has ended the block before it. */
  #openReasoning(redacted: boolean): Reasoning {
    const last = this.#last
    if (last.case === 'reasoning' && !last.value.signature && last.value.redacted === redacted) return last.value
    const value: Reasoning = { $typeName: 'switchyard.v1.Reasoning', text: '', redacted }
    this.#open({ case: 'reasoning', value })
    return value
  }

  #addToolCall(delta: ToolCallDelta): void {
    const call = this.#calls.get(delta.index) ?? this.#openToolCall(delta.index)
    if (call.id === '') call.id = delta.id
    if (call.name === '') call.name = delta.name
    call.argumentsJson += delta.argumentsJson
    call.custom ||= delta.custom
    if (delta.signature) call.signature = delta.signature
  }

  #openToolCall(index: number): ToolCall {
    const value: ToolCall = { $typeName: 'switchyard.v1.ToolCall', id: '', name: '', argumentsJson: '', custom: false }
    this.#open({ case: 'toolCall', value })
    this.#calls.set(index, value)
    return value
  }

  /** All sound of a choice is one part, so that text between its pieces does not tear it. */
  #addAudio({ id, data, transcript, expires, mediaType }: AudioDelta): void {
    const audio = this.#audio ?? this.#openAudio()
    audio.transcript += transcript
    if (id !== '') audio.id = id
    if (mediaType !== '') audio.mediaType = mediaType
    if (expires !== 0n) audio.expires = expires
    if (data.length > 0) this.#sound.push(data)
  }

  #openAudio(): Audio {
    const value: Audio = {
      $typeName: 'switchyard.v1.Audio',
      source: { case: undefined },
      mediaType: '',
      transcript: '',
      id: '',
      expires: 0n,
    }
    this.#open({ case: 'audio', value })
    this.#audio = value
    return value
  }

  #addLogprobs({ content, refusal }: Logprobs): void {
    this.#logprobs ??= { $typeName: 'switchyard.v1.Logprobs', content: [], refusal: [] }
    for (const token of content) this.#logprobs.content.push(token)
    for (const token of refusal) this.#logprobs.refusal.push(token)
  }
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    whole.set(piece, offset)
    offset += piece.length
  }
  return whole
}
