import type { JsonObject } from '@bufbuild/protobuf'
import type { BlockOptions } from './encode-blocks.ts'
import { isLabelled } from './signatures.ts'

/** A body and the paths of what was left out of it. */
export interface Cleared {
  readonly body: string
  readonly dropped: string[]
}

/** What such blocks have in their text: cheap to look for in bodies that may be long. */
const suspicious = /switchyard:|"signature"\s*:\s*""/

/**
 * The client's own text without the blocks that an upstream of this format cannot take back: what another vendor sealed, and
 * reasoning that nobody signed, unless the vendor takes that. Both come from answers of other vendors earlier in the conversation.
 * A text without any stays as it is, to the byte.
 */
export function withoutForeign(body: string, { unsignedReasoning }: BlockOptions): Cleared {
  if (!suspicious.test(body)) return { body, dropped: [] }
  const value = JSON.parse(body) as JsonObject
  const dropped: string[] = []
  const foreign = (block: unknown): boolean => {
    const { type, signature, data } = (block ?? {}) as Record<string, unknown>
    if (type === 'redacted_thinking') return typeof data === 'string' && isLabelled(data)
    if (type !== 'thinking') return false
    if (signature === '') return !unsignedReasoning
    return typeof signature === 'string' && isLabelled(signature)
  }
  const messages = (value['messages'] as { content?: unknown }[]).map((message, index) => {
    const { content } = message
    if (!Array.isArray(content)) return message
    const kept = content.filter((block, at) => {
      if (foreign(block)) dropped.push(`messages[${index}].content[${at}]`)
      return !foreign(block)
    })
    return kept.length === content.length ? message : { ...message, content: kept }
  })
  if (dropped.length === 0) return { body, dropped }
  const kept = messages.filter(({ content }) => !Array.isArray(content) || content.length > 0)
  return { body: JSON.stringify({ ...value, messages: kept }), dropped }
}
