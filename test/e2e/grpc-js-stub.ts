import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { makeClientConstructor } from '@grpc/grpc-js'
import {
  type ChatEvent,
  ChatEventSchema,
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
} from '#gen/switchyard/v1/chat_pb.ts'

const chat = {
  requestStream: false,
  requestSerialize: (value: ChatRequest) => Buffer.from(toBinary(ChatRequestSchema, value)),
  requestDeserialize: (bytes: Buffer) => fromBinary(ChatRequestSchema, bytes),
}

/** The service as it would come out of grpc-js's own loader. */
export const InferenceStub = makeClientConstructor(
  {
    chat: {
      ...chat,
      path: '/switchyard.v1.InferenceService/Chat',
      responseStream: false,
      responseSerialize: (value: ChatResponse) => Buffer.from(toBinary(ChatResponseSchema, value)),
      responseDeserialize: (bytes: Buffer) => fromBinary(ChatResponseSchema, bytes),
    },
    streamChat: {
      ...chat,
      path: '/switchyard.v1.InferenceService/StreamChat',
      responseStream: true,
      responseSerialize: (value: ChatEvent) => Buffer.from(toBinary(ChatEventSchema, value)),
      responseDeserialize: (bytes: Buffer) => fromBinary(ChatEventSchema, bytes),
    },
  },
  'switchyard.v1.InferenceService',
)
