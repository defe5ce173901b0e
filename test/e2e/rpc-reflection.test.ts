import { create, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from '#gen/grpc/reflection/v1/reflection_pb.ts'
import { ServerReflection as ServerReflectionAlpha } from '#gen/grpc/reflection/v1alpha/reflection_pb.ts'
import { type Edge, startEdge } from './rpc-edge.ts'
import { script } from './rpc-script.ts'

let edge: Edge
beforeAll(async () => {
  const nobody = { id: 'nobody', sha256: '0'.repeat(64), permissions: [], models: [], accounts: [] }
  edge = await startEdge({ provider: script().provider, keys: [nobody] })
})
afterAll(async () => edge[Symbol.asyncDispose]())

type Question = ServerReflectionRequest['messageRequest']
type Answer = ServerReflectionResponse['messageResponse']

/** The answers to questions asked on one stream. */
async function ask(...questions: readonly Question[]): Promise<ServerReflectionResponse[]> {
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: edge.http2 }))
  async function* requests() {
    for (const messageRequest of questions)
      yield create(ServerReflectionRequestSchema, { host: 'here', messageRequest })
  }
  return Array.fromAsync(client.serverReflectionInfo(requests()))
}

async function answerTo(question: Question): Promise<Answer | undefined> {
  const [response] = await ask(question)
  return response?.messageResponse
}

async function* oldRequests() {
  yield { host: 'old', messageRequest: { case: 'fileContainingSymbol' as const, value: 'switchyard.v1.KeyService' } }
}

function filesIn(answer: Answer | undefined): string[] {
  if (answer?.case !== 'fileDescriptorResponse') return []
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name)
}

describe('reflection, without a key,', () => {
  test('repeats what it was asked', async () => {
    const [response] = await ask({ case: 'listServices', value: '*' })
    expect(response).toMatchObject({
      validHost: 'here',
      originalRequest: { host: 'here', messageRequest: { case: 'listServices', value: '*' } },
    })
  })

  test.each([
    ['a service', 'switchyard.v1.InferenceService', 'switchyard/v1/inference.proto'],
    ['a method', 'switchyard.v1.InferenceService.Chat', 'switchyard/v1/inference.proto'],
    ['a message', 'switchyard.v1.ChatRequest', 'switchyard/v1/chat.proto'],
    ['a name with a leading dot', '.switchyard.v1.ChatRequest', 'switchyard/v1/chat.proto'],
    ['a field', 'switchyard.v1.ChatRequest.model', 'switchyard/v1/chat.proto'],
    ['a oneof', 'switchyard.v1.Part.kind', 'switchyard/v1/chat.proto'],
    ['an enum inside a message', 'switchyard.v1.ToolChoice.Mode', 'switchyard/v1/chat.proto'],
    ['an enum value', 'switchyard.v1.ROLE_USER', 'switchyard/v1/chat.proto'],
    ['an extension', 'buf.validate.field', 'buf/validate/validate.proto'],
  ])('finds the file of %s', async (_what, symbol, file) => {
    expect(filesIn(await answerTo({ case: 'fileContainingSymbol', value: symbol }))[0]).toBe(file)
  })

  test('sends what a file imports with it, each file once on a stream', async () => {
    const [chat, inference] = await ask(
      { case: 'fileByFilename', value: 'switchyard/v1/chat.proto' },
      { case: 'fileByFilename', value: 'switchyard/v1/inference.proto' },
    )
    const first = filesIn(chat?.messageResponse)
    expect(first).toEqual(
      expect.arrayContaining([
        'switchyard/v1/chat.proto',
        'switchyard/v1/usage.proto',
        'buf/validate/validate.proto',
        'google/protobuf/descriptor.proto',
      ]),
    )
    const second = filesIn(inference?.messageResponse)
    expect(second).toContain('switchyard/v1/registry.proto')
    expect(second.filter((name) => first.includes(name))).toEqual([])
  })

  test('finds the file of an extension, and the extensions of a message', async () => {
    const field = { containingType: 'google.protobuf.FieldOptions', extensionNumber: 1159 }
    const extension = { $typeName: 'grpc.reflection.v1.ExtensionRequest' as const, ...field }
    const found = await answerTo({ case: 'fileContainingExtension', value: extension })
    expect(filesIn(found)[0]).toBe('buf/validate/validate.proto')
    const numbers = await answerTo({ case: 'allExtensionNumbersOfType', value: 'google.protobuf.FieldOptions' })
    expect(numbers).toMatchObject({
      value: { baseTypeName: 'google.protobuf.FieldOptions', extensionNumber: [1159, 1160] },
    })
  })

  test.each<Question>([
    { case: 'fileByFilename', value: 'no/such.proto' },
    { case: 'fileContainingSymbol', value: 'no.such.Symbol' },
    { case: 'allExtensionNumbersOfType', value: 'no.such.Type' },
  ])('answers NOT_FOUND to $case of an unknown name, and goes on', async (question) => {
    const [missing, listed] = await ask(question, { case: 'listServices', value: '' })
    expect(missing?.messageResponse).toMatchObject({ case: 'errorResponse', value: { errorCode: 5 } })
    expect(listed?.messageResponse.case).toBe('listServicesResponse')
  })

  test('answers INVALID_ARGUMENT to a request that asks nothing', async () => {
    const answer = await answerTo({ case: undefined })
    expect(answer).toMatchObject({ case: 'errorResponse', value: { errorCode: 3 } })
  })

  test('speaks v1alpha as well', async () => {
    const client = createClient(ServerReflectionAlpha, createGrpcTransport({ baseUrl: edge.http2 }))
    const [response] = await Array.fromAsync(client.serverReflectionInfo(oldRequests()))
    expect(response).toMatchObject({
      validHost: 'old',
      originalRequest: { host: 'old' },
      messageResponse: { case: 'fileDescriptorResponse' },
    })
  })
})
