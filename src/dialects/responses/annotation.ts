import type { Annotation } from '#gen/switchyard/v1/chat_pb.ts'
import { countOf, rawOf, textOf } from '../scalars.ts'

/** Members of a `url_citation` that the contract has fields for. */
const told: ReadonlySet<string> = new Set(['type', 'url', 'title', 'start_index', 'end_index'])

/**
 * Reads an annotation of a text that begins at `start`, in the text that the offsets of the contract are counted in. What its fields
 * do not tell stays in `raw`.
 */
export function annotationOf(wire: Record<string, unknown>, start = 0): Annotation {
  const offset = (value: unknown): number => (typeof value === 'number' && value >= 0 ? countOf(value + start) : 0)
  const type = textOf(wire['type'])
  const whole = type === 'url_citation' && Object.keys(wire).every((key) => told.has(key))
  return {
    $typeName: 'switchyard.v1.Annotation',
    type,
    url: textOf(wire['url']),
    title: textOf(wire['title']),
    startIndex: offset(wire['start_index']),
    endIndex: offset(wire['end_index']),
    raw: whole ? undefined : rawOf(wire),
  }
}

/** Writes an annotation of a text that begins at `start` flat, as this format does; chat completions nest what it says under its type. */
export function encodeAnnotation({ type, url, title, startIndex, endIndex, raw }: Annotation, start = 0): object {
  const offset = (index: number): number => Math.max(0, index - start)
  if (raw === undefined) return { type, url, title, start_index: offset(startIndex), end_index: offset(endIndex) }
  const inner = raw[type]
  if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return raw
  const { [type]: _inner, ...beside } = raw
  return { ...beside, ...inner }
}
