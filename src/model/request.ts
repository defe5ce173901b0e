import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'

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
