import type { ChatRequest, Part } from '#gen/switchyard/v1/chat_pb.ts'
import type { InlineMedia, LinkedMedia } from '../dialects/contract.ts'

/** Says which pieces an upstream can be sent as bytes alone. */
export type NeedsBytes = (media: LinkedMedia) => boolean

/** A piece that is given by URL, and where it is. */
export interface Linked {
  /** Tells it from all others. */
  readonly source: object
  readonly media: LinkedMedia
  readonly path: string
}

/** A piece that is given as bytes. */
export interface Inlined {
  /** Tells it from all others. */
  readonly source: object
  readonly kind: LinkedMedia['kind']
  readonly media: InlineMedia
}

/** What stands in the place of what was given. */
export interface Replacement {
  readonly source:
    | { readonly case: 'data'; readonly value: Uint8Array }
    | { readonly case: 'url'; readonly value: string }
  readonly mediaType: string
  /** What a file is called that the client gave no name; may be empty. */
  readonly name?: string
}

type Piece = Extract<Part['kind'], { case: 'image' | 'audio' | 'file' }>

/** The pieces of a request, those in answers of tools too, that are given by URL and have to be sent as bytes. */
export function linkedIn(request: ChatRequest, needsBytes: NeedsBytes): Linked[] {
  return piecesOf(request).flatMap(({ kind, path }): Linked[] => {
    const { source, mediaType } = kind.value
    if (source.case !== 'url') return []
    const media = { kind: kind.case, url: source.value, mediaType }
    return needsBytes(media) ? [{ source, media, path }] : []
  })
}

/** The pieces of a request, those in answers of tools too, that are given as bytes. */
export function inlinedIn(request: ChatRequest): Inlined[] {
  return piecesOf(request).flatMap(({ kind }): Inlined[] => {
    const { source, mediaType } = kind.value
    return source.case === 'data' ? [{ source, kind: kind.case, media: { data: source.value, mediaType } }] : []
  })
}

/** The request with others in the place of these sources; what was not replaced is shared with the request that was given. */
export function replaceIn(request: ChatRequest, replacements: ReadonlyMap<object, Replacement>): ChatRequest {
  if (replacements.size === 0) return request
  const messages = request.messages.map((message) => ({ ...message, parts: replaceParts(message.parts, replacements) }))
  return { ...request, messages }
}

interface Placed {
  readonly kind: Piece
  readonly path: string
}

function piecesOf({ messages }: ChatRequest): Placed[] {
  // Most requests have none, and every request comes by here.
  if (!messages.some(({ parts }) => holdsMedia(parts))) return []
  return messages.flatMap(({ parts }, index) => piecesIn(parts, `messages[${index}]`))
}

function piecesIn(parts: readonly Part[], path: string): Placed[] {
  return parts.flatMap(({ kind }, index): Placed[] => {
    const here = `${path}.parts[${index}]`
    if (kind.case === 'toolResult') return piecesIn(kind.value.parts, here)
    return isPiece(kind) ? [{ kind, path: here }] : []
  })
}

function holdsMedia(parts: readonly Part[]): boolean {
  return parts.some(({ kind }) => isPiece(kind) || (kind.case === 'toolResult' && holdsMedia(kind.value.parts)))
}

function isPiece(kind: Part['kind']): kind is Piece {
  return kind.case === 'image' || kind.case === 'audio' || kind.case === 'file'
}

function replaceParts(parts: readonly Part[], replacements: ReadonlyMap<object, Replacement>): Part[] {
  return parts.map((part): Part => {
    const { kind } = part
    if (kind.case === 'toolResult') {
      const inside = replaceParts(kind.value.parts, replacements)
      return { ...part, kind: { ...kind, value: { ...kind.value, parts: inside } } }
    }
    const found = isPiece(kind) ? replacements.get(kind.value.source) : undefined
    if (found === undefined) return part
    const { source, mediaType, name = '' } = found
    switch (kind.case) {
      case 'image':
        return { ...part, kind: { ...kind, value: { ...kind.value, source, mediaType } } }
      case 'audio':
        return { ...part, kind: { ...kind, value: { ...kind.value, source, mediaType } } }
      case 'file': {
        const called = kind.value.name === '' ? name : kind.value.name
        return { ...part, kind: { ...kind, value: { ...kind.value, source, mediaType, name: called } } }
      }
      default:
        return part
    }
  })
}
