import { type DescMessage, type MessageShape, toJsonString } from '@bufbuild/protobuf'
import {
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
  type Message,
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

function textOf<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): string {
  const text = toJsonString(schema, message)
  if (text.length <= longest) return text
  return JSON.stringify({ cut: true, characters: text.length, text: text.slice(0, longest) })
}

function withoutMedia(message: Message): Message {
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
