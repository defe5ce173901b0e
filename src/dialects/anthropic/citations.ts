import type { JsonObject } from '@bufbuild/protobuf'
import type { Annotation } from '#gen/switchyard/v1/chat_pb.ts'
import { rawOf, textOf } from '../scalars.ts'

/** Reads a citation. `start` and `end` are the offsets of the text it is on: a citation is on the whole of its block. */
export function annotationOf(citation: JsonObject, start: number, end: number): Annotation {
  const word = (key: string): string => textOf(citation[key])
  const url = word('url')
  return {
    $typeName: 'switchyard.v1.Annotation',
    type: url === '' ? word('type') : 'url_citation',
    url,
    title: word('title') || word('document_title'),
    startIndex: start,
    endIndex: end,
    raw: rawOf(citation),
  }
}

/** The kinds of citation that Anthropic's clients know. */
const kinds = new Set([
  'char_location',
  'page_location',
  'content_block_location',
  'web_search_result_location',
  'search_result_location',
])

/** Writes a citation: as Anthropic wrote it, or for another vendor's as one of a page of the web. */
export function citationOf({ raw, url, title }: Annotation): JsonObject {
  if (raw !== undefined && typeof raw['type'] === 'string' && kinds.has(raw['type'])) return raw
  return { type: 'web_search_result_location', url, title, cited_text: '', encrypted_index: '' }
}
