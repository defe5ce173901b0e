import type {
  LanguageModelV3Content,
  LanguageModelV3GenerateResult,
  LanguageModelV3StreamPart,
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'

/** One part of a stream, of either version. */
export type StreamPart = LanguageModelV3StreamPart | LanguageModelV4StreamPart

/** A whole answer as the parts of a stream that would have said the same. */
export function* partsOf(answer: LanguageModelV3GenerateResult | LanguageModelV4GenerateResult): Generator<StreamPart> {
  yield { type: 'stream-start', warnings: answer.warnings }
  if (answer.response !== undefined) {
    const { id, modelId, timestamp } = answer.response
    const known = Object.entries({ id, modelId, timestamp }).filter(([, value]) => value !== undefined)
    yield { type: 'response-metadata', ...Object.fromEntries(known) }
  }
  for (const [index, content] of answer.content.entries()) yield* spelled(content, String(index))
  yield { type: 'finish', usage: answer.usage, finishReason: answer.finishReason }
}

function* spelled(content: LanguageModelV3Content | LanguageModelV4Content, id: string): Generator<StreamPart> {
  if (content.type !== 'text' && content.type !== 'reasoning') {
    yield content
    return
  }
  const { type, text, providerMetadata } = content
  yield { type: `${type}-start`, id }
  yield { type: `${type}-delta`, id, delta: text }
  yield { type: `${type}-end`, id, ...(providerMetadata && { providerMetadata }) }
}
