import {
  type ChatEvent,
  type ChatResponse,
  type Choice,
  FinishReason,
  type Image,
  type Part,
  type ToolCallDelta,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { GatewayError } from '../../error/index.ts'
import type { ChatAnswer, Served } from '../contract.ts'
import { encodeBase64 } from '../parts.ts'
import { errorObject } from './errors.ts'

const stopWords: Readonly<Record<FinishReason, string>> = {
  [FinishReason.UNSPECIFIED]: 'other',
  [FinishReason.STOP]: 'stop',
  [FinishReason.LENGTH]: 'length',
  [FinishReason.TOOL_CALLS]: 'tool_calls',
  [FinishReason.CONTENT_FILTER]: 'content_filter',
  [FinishReason.REFUSAL]: 'refusal',
  [FinishReason.ERROR]: 'error',
  [FinishReason.OTHER]: 'other',
}

/**
 * Writes one answer. The format has room for one choice and for text: of several choices the first is told, and a refusal
 * and the transcript of spoken words are text like any other.
 */
export class PlatformAnswer implements ChatAnswer {
  #stopReason: string | undefined
  #usage: Usage | undefined

  whole(response: ChatResponse, served: Served): string {
    const [choice] = response.choices
    const data = {
      content: wordsOf(choice),
      model: served.alias,
      ...(response.usage !== undefined && { usage: usageObject(response.usage) }),
      ...extrasOf(choice),
      ...(choice !== undefined && { stopReason: stopWords[choice.finishReason] }),
      requestId: served.requestId,
    }
    return JSON.stringify({ success: true, data })
  }

  events(batch: readonly ChatEvent[], served: Served): string {
    let text = ''
    for (const event of batch) text += this.#event(event, served)
    return text
  }

  end(): string {
    const usage = this.#usage === undefined ? undefined : usageObject(this.#usage)
    return frame({ type: 'message_stop', stopReason: this.#stopReason, usage })
  }

  fail(error: GatewayError): string {
    return frame({ type: 'error', error: errorObject(error) })
  }

  #event({ event, choice }: ChatEvent, served: Served): string {
    if (choice !== 0) return ''
    switch (event.case) {
      case 'started':
        return frame({ type: 'message_start', id: served.requestId, model: served.alias })
      case 'textDelta':
      case 'refusalDelta':
        return textFrame(event.value.text)
      case 'audioDelta':
        return textFrame(event.value.transcript)
      case 'reasoningDelta':
        return event.value.text === '' ? '' : deltaFrame({ reasoning: event.value.text })
      case 'toolCallDelta':
        return deltaFrame({ toolCall: callPiece(event.value) })
      case 'image':
        return deltaFrame({ image: imageObject(event.value) })
      case 'finished':
        this.#stopReason = stopWords[event.value.reason]
        return ''
      case 'usage':
        this.#usage = event.value
        return ''
      case 'annotation':
      case 'providerPart':
      case 'logprobs':
      case undefined:
        return ''
      default:
        return event satisfies never
    }
  }
}

function frame(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

function deltaFrame(delta: object): string {
  return frame({ type: 'content_block_delta', delta })
}

function textFrame(text: string): string {
  return text === '' ? '' : deltaFrame({ text })
}

function callPiece({ index, id, name, argumentsJson }: ToolCallDelta): object {
  return { index, ...(id !== '' && { id }), ...(name !== '' && { name }), arguments: argumentsJson }
}

/** What was consumed. */
export function usageObject({ inputTokens, outputTokens }: Usage): object {
  return { inputTokens, outputTokens }
}

/** An image as base64, or by its URL. */
export function imageObject({ source, mediaType }: Image): object {
  const data = source.case === 'data' ? { data: encodeBase64(source.value) } : { url: source.value ?? '' }
  return { ...data, ...(mediaType !== '' && { mediaType }) }
}

function wordsOf(choice: Choice | undefined): string {
  return (choice?.message?.parts ?? []).map(wordsOfPart).join('')
}

function wordsOfPart({ kind }: Part): string {
  if (kind.case === 'text' || kind.case === 'refusal') return kind.value.text
  return kind.case === 'audio' ? kind.value.transcript : ''
}

/** What an answer may have beside its words; each only where there is any. */
function extrasOf(choice: Choice | undefined): object {
  const parts = choice?.message?.parts ?? []
  const toolCalls = parts.flatMap(({ kind }) => {
    if (kind.case !== 'toolCall') return []
    const { id, name, argumentsJson } = kind.value
    return [{ id, name, arguments: argumentsJson }]
  })
  const reasoning = parts.map(({ kind }) => (kind.case === 'reasoning' ? kind.value.text : '')).join('')
  const images = parts.flatMap(({ kind }) => (kind.case === 'image' ? [imageObject(kind.value)] : []))
  return {
    ...(toolCalls.length > 0 && { toolCalls }),
    ...(reasoning !== '' && { reasoning }),
    ...(images.length > 0 && { images }),
  }
}
