import type { ChatRequest, Part } from '#gen/switchyard/v1/chat_pb.ts'
import type { InlineMedia, LinkedMedia } from '../dialects/contract.ts'

/** Says which pieces an upstream can be sent as bytes alone. */
export type NeedsBytes = (media: LinkedMedia) => boolean

/** What is sent in the place of a URL. */
export interface Inline extends InlineMedia {
  /** What a file is called that the client gave no name; may be empty. */
  readonly name: string
}

type Piece = Extract<Part['kind'], { case: 'image' | 'audio' | 'file' }>

/** A piece that is given by URL, and where it is. */
export interface Linked {
  /** Tells it from all others. */
  readonly source: object
  readonly media: LinkedMedia
  readonly path: string
}

/** The pieces of a request, those in answers of tools too, that are given by URL and have to be sent as bytes. */
export function linkedIn({ messages }: ChatRequest, needsBytes: NeedsBytes): Linked[] {
  return messages
    .flatMap(({ parts }, index) => linkedParts(parts, `messages[${index}]`))
    .filter(({ media }) => needsBytes(media))
}

function linkedParts(parts: readonly Part[], path: string): Linked[] {
  return parts.flatMap(({ kind }, index): Linked[] => {
    const here = `${path}.parts[${index}]`
    if (kind.case === 'toolResult') return linkedParts(kind.value.parts, here)
    if (!isPiece(kind) || kind.value.source.case !== 'url') return []
    const { source, mediaType } = kind.value
    return [{ source, media: { kind: kind.case, url: source.value, mediaType }, path: here }]
  })
}

function isPiece(kind: Part['kind']): kind is Piece {
  return kind.case === 'image' || kind.case === 'audio' || kind.case === 'file'
}

/** The request with bytes in the place of these sources; what was not replaced is shared with the request that was given. */
export function replaceIn(request: ChatRequest, bytes: ReadonlyMap<object, Inline>): ChatRequest {
  if (bytes.size === 0) return request
  const messages = request.messages.map((message) => ({ ...message, parts: replaceParts(message.parts, bytes) }))
  return { ...request, messages }
}

function replaceParts(parts: readonly Part[], bytes: ReadonlyMap<object, Inline>): Part[] {
  return parts.map((part): Part => {
    const { kind } = part
    if (kind.case === 'toolResult')
      return { ...part, kind: { ...kind, value: { ...kind.value, parts: replaceParts(kind.value.parts, bytes) } } }
    const inline = isPiece(kind) ? bytes.get(kind.value.source) : undefined
    if (inline === undefined) return part
    const source = { case: 'data' as const, value: inline.data }
    const { mediaType } = inline
    switch (kind.case) {
      case 'image':
        return { ...part, kind: { ...kind, value: { ...kind.value, source, mediaType } } }
      case 'audio':
        return { ...part, kind: { ...kind, value: { ...kind.value, source, mediaType } } }
      case 'file': {
        const name = kind.value.name === '' ? inline.name : kind.value.name
        return { ...part, kind: { ...kind, value: { ...kind.value, source, mediaType, name } } }
      }
      default:
        return part
    }
  })
}
