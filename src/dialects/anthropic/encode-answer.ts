import type { ChatEvent, ChatResponse, Finished, Part, Started } from '#gen/switchyard/v1/chat_pb.ts'
import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { GatewayError } from '../../error/index.ts'
import type { ChatAnswer, Served } from '../contract.ts'
import { typeOfData, typeWithin, writeData } from '../sse.ts'
import { BlockWriter } from './block-writer.ts'
import { citationOf } from './citations.ts'
import { callerOf, inputOf, objectOf } from './encode-blocks.ts'
import { errorBody } from './errors.ts'
import { ownVendor, seal, signatureOf } from './signatures.ts'
import { encodeUsage } from './usage.ts'
import { stopWord } from './words.ts'

/** The message object of an answer, translated. The gateway's request id stands in for an id the upstream did not give. */
export function messageOf(response: ChatResponse, served: Served): object {
  const [choice] = response.choices
  const reason = choice?.finishReason ?? FinishReason.STOP
  const stopSequence = choice?.stopSequence ?? ''
  return {
    ...head(response, served),
    content: (choice?.message?.parts ?? []).flatMap(blocksOf),
    stop_reason: stopWord(reason, choice?.upstreamReason ?? '', stopSequence),
    stop_sequence: stopSequence === '' ? null : stopSequence,
    usage: encodeUsage(response.usage),
  }
}

function head({ id, model }: Pick<Started, 'id' | 'model'>, served: Served): object {
  return {
    id: id === '' ? `msg_${served.requestId}` : id,
    type: 'message',
    role: 'assistant',
    model: model === '' ? served.alias : model,
  }
}

function redacted(data: string): object {
  return { type: 'redacted_thinking', data }
}

/** The blocks of one part. What the format has no place for in an answer, sound and pictures, is told by its words, if it has any. */
function blocksOf({ kind }: Part): object | object[] {
  switch (kind.case) {
    case 'text': {
      const { text, annotations, signature } = kind.value
      const block = { type: 'text', text, ...(annotations.length > 0 && { citations: annotations.map(citationOf) }) }
      return [
        ...(text === '' && annotations.length === 0 ? [] : [block]),
        ...(signature === undefined ? [] : [redacted(seal(signature, { of: 'text' }))]),
      ]
    }
    case 'refusal':
      return [{ type: 'text', text: kind.value.text }]
    case 'reasoning': {
      const { text, signature } = kind.value
      const sealed = seal(signature ?? signatureOf(ownVendor, ''), { of: 'reasoning' })
      return [kind.value.redacted ? redacted(sealed) : { type: 'thinking', thinking: text, signature: sealed }]
    }
    case 'toolCall': {
      const { id, name, argumentsJson, custom, signature } = kind.value
      const input = inputOf(argumentsJson, custom)
      return [
        ...(signature === undefined || signature.vendor === ownVendor
          ? []
          : [redacted(seal(signature, { of: 'call', id }))]),
        { type: 'tool_use', id, name, input, ...callerOf(kind.value, ownVendor) },
      ]
    }
    case 'providerPart':
      return (kind.value.vendor === ownVendor ? objectOf(kind.value.json) : undefined) ?? []
    case 'audio':
      return kind.value.transcript === '' ? [] : [{ type: 'text', text: kind.value.transcript }]
    default:
      return []
  }
}

function frame(type: string, data: string): string {
  return `event: ${type}\n${writeData(data)}`
}

const lastEvent = frame('message_stop', '{"type":"message_stop"}')

/** Writes one answer as Anthropic does. An upstream of the same dialect is handed through event by event as it wrote them. */
export class AnswerEncoder implements ChatAnswer {
  readonly #blocks = new BlockWriter((event) => frame(event.type, JSON.stringify(event)))
  #requestId = ''
  #raw = false
  /** Of an answer handed through: its last event was. */
  #stopped = false
  #finished: Finished | undefined
  #usage: Usage | undefined

  whole(response: ChatResponse, served: Served): string {
    if (response.rawDialect === 'anthropic' && response.raw !== '') return response.raw
    return JSON.stringify(messageOf(response, served))
  }

  events(batch: readonly ChatEvent[], served: Served): string {
    this.#requestId = served.requestId
    let text = ''
    for (const event of batch) text += this.#event(event, served)
    return text
  }

  /** The end of the message, with the reason and the usage that may come apart from each other. */
  end(): string {
    if (this.#raw) return this.#stopped ? '' : lastEvent
    const { reason = FinishReason.STOP, upstreamReason = '', stopSequence = '' } = this.#finished ?? {}
    const delta = {
      stop_reason: stopWord(reason, upstreamReason, stopSequence),
      stop_sequence: stopSequence === '' ? null : stopSequence,
    }
    const last = { type: 'message_delta', delta, usage: encodeUsage(this.#usage) }
    return this.#blocks.end() + frame('message_delta', JSON.stringify(last)) + lastEvent
  }

  fail(error: GatewayError): string {
    return frame('error', errorBody(error, this.#requestId))
  }

  #event(event: ChatEvent, served: Served): string {
    if (event.event.case === 'started') {
      this.#raw = event.event.value.rawDialect === 'anthropic'
      if (!this.#raw) return this.#begin(event.event.value, served)
    }
    if (this.#raw) return event.raw === '' ? '' : this.#handThrough(event.raw)
    // The format has one answer for each request.
    if (event.choice > 0) return ''
    switch (event.event.case) {
      case 'finished':
        this.#finished = event.event.value
        return ''
      case 'usage':
        this.#usage = event.event.value
        return ''
      default:
        return this.#blocks.event(event.event)
    }
  }

  #handThrough(raw: string): string {
    const type = typeOfData(raw)
    this.#stopped ||= type === 'message_stop' && typeWithin(raw) === type
    return frame(type, raw)
  }

  #begin(value: Started, served: Served): string {
    const message = {
      ...head(value, served),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: encodeUsage(undefined),
    }
    return frame('message_start', JSON.stringify({ type: 'message_start', message }))
  }
}
