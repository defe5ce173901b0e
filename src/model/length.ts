import type { ChatRequest, Part } from '#gen/switchyard/v1/chat_pb.ts'
import type { EmbedInput } from '#gen/switchyard/v1/embedding_pb.ts'
import type { Prompt } from '#gen/switchyard/v1/text_pb.ts'

/** Characters of everything a model has to read. */
export function lengthOf(request: ChatRequest): number {
  const messages = request.messages.reduce((sum, { parts }) => sum + partsLength(parts), 0)
  const tools = request.tools.length === 0 ? 0 : JSON.stringify(request.tools).length
  return messages + tools
}

function partsLength(parts: readonly Part[]): number {
  return parts.reduce((sum, { kind }) => {
    switch (kind.case) {
      case 'text':
      case 'reasoning':
      case 'refusal':
        return sum + kind.value.text.length
      case 'toolCall':
        return sum + kind.value.argumentsJson.length
      case 'toolResult':
        return sum + partsLength(kind.value.parts)
      default:
        return sum
    }
  }, 0)
}

/** Characters that a text is, or that token ids stand for: four each. */
export function promptLength({ kind }: Prompt | EmbedInput): number {
  if (kind.case === 'text') return kind.value.length
  return kind.case === 'tokens' ? kind.value.ids.length * 4 : 0
}
