import {
  type DescMessage,
  type JsonValue,
  type Message,
  type MessageShape,
  toJson,
  toJsonString,
} from '@bufbuild/protobuf'
import {
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
  type Message as ChatMessage,
  type Part,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { CallContent } from './contract.ts'

/** Characters of a question or an answer that are kept. */
const longest = 64 * 1024

/** Bytes, or characters of a `data:` URL, up to which media are kept. */
const longestMedia = 1024

/**
 * A question and its answer as they are kept: the messages of the contract as JSON, without the client's own body, with a mark where
 * media were. One that is too long is cut: then it is an object with `cut`, its number of `characters`, and the beginning as `text`.
 */
export function contentOf(request: ChatRequest, response: ChatResponse): CallContent {
  const { source: _, ...asked } = request
  const messages = asked.messages.map(withoutMedia)
  const choices = response.choices.map((choice) => ({
    ...choice,
    message: choice.message && withoutMedia(choice.message),
  }))
  return {
    request: textOf(ChatRequestSchema, { ...asked, messages }),
    response: textOf(ChatResponseSchema, { ...response, choices, raw: '', rawDialect: '' }),
  }
}

/**
 * Question and answer of an operation without messages, kept likewise: without the client's own body and the upstream's, with a mark
 * where a long list of numbers or bytes were.
 */
export function messagesContent(
  request: DescMessage,
  asked: Message,
  response: DescMessage,
  answered: Message,
): CallContent {
  return { request: shortText(request, asked), response: shortText(response, answered) }
}

/** A question whose answer is not kept, since it is sound. */
export function requestContent(request: DescMessage, asked: Message): CallContent {
  return { request: shortText(request, asked), response: '{}' }
}

function shortText(schema: DescMessage, message: Message): string {
  const {
    source: _source,
    raw: _raw,
    rawDialect: _dialect,
    ...json
  } = toJson(schema, message) as Record<string, JsonValue>
  return cutText(JSON.stringify(json, cutMember))
}

/** Fields that hold bytes, which JSON has as base64. */
const bytes = new Set(['audio', 'data'])

function cutMember(name: string, value: JsonValue): JsonValue {
  if (Array.isArray(value) && value.length > 16 && value.every((item) => typeof item === 'number'))
    return `cut: ${value.length} numbers`
  if (typeof value !== 'string' || value.length <= longestMedia) return value
  return bytes.has(name) || value.startsWith('data:') ? `cut: ${value.length} characters` : value
}

function textOf<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): string {
  return cutText(toJsonString(schema, message))
}

function cutText(text: string): string {
  if (text.length <= longest) return text
  return JSON.stringify({ cut: true, characters: text.length, text: text.slice(0, longest) })
}

function withoutMedia(message: ChatMessage): ChatMessage {
  return { ...message, parts: message.parts.map(cutMedia) }
}

function cutMedia(part: Part): Part {
  const { kind } = part
  switch (kind.case) {
    case 'toolResult':
      return { ...part, kind: { ...kind, value: { ...kind.value, parts: kind.value.parts.map(cutMedia) } } }
    case 'image':
      return { ...part, kind: { ...kind, value: { ...kind.value, source: cutSource(kind.value.source) } } }
    case 'audio':
      return { ...part, kind: { ...kind, value: { ...kind.value, source: cutSource(kind.value.source) } } }
    case 'file':
      return { ...part, kind: { ...kind, value: { ...kind.value, source: cutSource(kind.value.source) } } }
    default:
      return part
  }
}

type Source = { readonly case: string | undefined; readonly value?: string | Uint8Array | undefined }

/** The source, or a URL that says how much was there. */
function cutSource<Given extends Source>(source: Given): Given | { case: 'url'; value: string } {
  const { value } = source
  const isMedia = value instanceof Uint8Array || value?.startsWith('data:') === true
  if (!isMedia || value.length <= longestMedia) return source
  const unit = value instanceof Uint8Array ? 'bytes' : 'characters'
  return { case: 'url', value: `cut: ${value.length} ${unit}` }
}
