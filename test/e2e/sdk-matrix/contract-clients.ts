import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { type ClientReadableStream, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import {
  type ChatEvent,
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  FinishReason,
  Role,
} from '#gen/switchyard/v1/chat_pb.ts'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { Fold } from '../../../src/model/collect.ts'
import { InferenceStub } from '../grpc-js-stub.ts'
import { type Heard, json, type MatrixClient, tools, type Turn, unlimited, words } from './turn.ts'

/** A question in the contract's own messages. */
function contractRequest({ model, answered = [] }: Turn): MessageInitShape<typeof ChatRequestSchema> {
  const calls = answered.map(({ call }) => {
    const value = { id: call.id, name: call.name, argumentsJson: JSON.stringify(call.input) }
    return { kind: { case: 'toolCall' as const, value } }
  })
  const results = answered.map(({ call, result }) => {
    const parts = [{ kind: { case: 'text' as const, value: { text: result } } }]
    return { kind: { case: 'toolResult' as const, value: { toolCallId: call.id, parts } } }
  })
  return {
    model,
    messages: [
      { role: Role.USER, parts: [{ kind: { case: 'text', value: { text: words } } }] },
      ...(calls.length > 0 ? [{ role: Role.ASSISTANT, parts: calls }] : []),
      ...(calls.length > 0 ? [{ role: Role.TOOL, parts: results }] : []),
    ],
    tools: tools.map(({ schema: parameters, ...tool }) => ({
      kind: { case: 'function', value: { ...tool, parametersJson: JSON.stringify(parameters) } },
    })),
  }
}

function heardOf({ choices, usage }: ChatResponse): Heard {
  const kinds = (choices[0]?.message?.parts ?? []).map(({ kind }) => kind)
  return {
    text: kinds.map((kind) => (kind.case === 'text' ? kind.value.text : '')).join(''),
    calls: kinds.flatMap((kind) => {
      if (kind.case !== 'toolCall') return []
      return [{ id: kind.value.id, name: kind.value.name, input: json(kind.value.argumentsJson) }]
    }),
    finish: choices[0]?.finishReason,
    usage: [usage?.inputTokens, usage?.outputTokens],
  }
}

function folded(events: readonly ChatEvent[]): ChatResponse {
  const fold = new Fold()
  fold.add(events)
  return fold.response()
}

/** Connect over HTTP/1.1. */
export function connectNode(origin: string): MatrixClient {
  const client = createClient(InferenceService, createConnectTransport({ baseUrl: origin, httpVersion: '1.1' }))
  return {
    stop: FinishReason.STOP,
    called: FinishReason.TOOL_CALLS,
    async ask(turn) {
      if (!turn.streaming) return heardOf(await client.chat(contractRequest(turn)))
      const events: ChatEvent[] = []
      for await (const event of client.streamChat(contractRequest(turn))) events.push(event)
      return heardOf(folded(events))
    },
    waitOf(thrown) {
      const error = ConnectError.from(thrown)
      if (error.code !== Code.ResourceExhausted) unlimited(thrown)
      return error.findDetails(ErrorInfoSchema)[0]?.metadata['retry_after_seconds']
    },
  }
}

interface Stub {
  chat(request: ChatRequest, done: (error: ServiceError | null, response?: ChatResponse) => void): unknown
  streamChat(request: ChatRequest, metadata: Metadata): ClientReadableStream<ChatEvent>
  close(): void
}

/** gRPC by Google’s own library. */
export function grpcJs(origin: string): MatrixClient {
  const client = new InferenceStub(new URL(origin).host, credentials.createInsecure()) as unknown as Stub
  return {
    stop: FinishReason.STOP,
    called: FinishReason.TOOL_CALLS,
    async ask(turn) {
      const request = create(ChatRequestSchema, contractRequest(turn))
      if (turn.streaming) {
        const events: ChatEvent[] = await client.streamChat(request, new Metadata()).toArray()
        return heardOf(folded(events))
      }
      return new Promise((resolve, reject) => {
        client.chat(request, (error, response) => {
          if (response === undefined) reject(error ?? new Error('neither an error nor a response'))
          else resolve(heardOf(response))
        })
      })
    },
    waitOf(thrown) {
      const error = thrown as ServiceError
      if (error.code !== status.RESOURCE_EXHAUSTED) unlimited(thrown)
      return error.metadata.get('retry-after').join('')
    },
    close: () => client.close(),
  }
}
