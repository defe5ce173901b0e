import type { ChatRequest, Source } from '#gen/switchyard/v1/chat_pb.ts'

/** A chat request that asks nothing yet but of a model: the complete message as a literal, for decoders to fill in. */
export function emptyChatRequest(model: string, provider = ''): ChatRequest {
  return {
    $typeName: 'switchyard.v1.ChatRequest',
    model,
    provider,
    messages: [],
    tools: [],
    stop: [],
    logitBias: {},
    modalities: [],
    metadata: {},
    prediction: [],
    strict: false,
  }
}

/** What a client sent, and in which dialect, beside what of it the contract has no field for. */
export function sourceOf(
  dialect: string,
  body: string,
  untranslated: string[],
  headers: Record<string, string> = {},
): Source {
  return { $typeName: 'switchyard.v1.Source', dialect, body, untranslated, headers }
}
