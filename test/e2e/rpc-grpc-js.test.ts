import { hash } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { findTrailerError } from '@connectrpc/connect/protocol-grpc'
import {
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type ChatEvent,
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  Role,
} from '#gen/switchyard/v1/chat_pb.ts'
import { type ErrorInfo, ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { InferenceStub } from './grpc-js-stub.ts'
import { type Edge, startEdge } from './rpc-edge.ts'
import { script } from './rpc-script.ts'

interface CallOptions {
  readonly deadline?: number
}

interface Inference {
  chat(
    request: ChatRequest,
    metadata: Metadata,
    options: CallOptions,
    done: (error: ServiceError | null, response?: ChatResponse) => void,
  ): ClientUnaryCall
  streamChat(request: ChatRequest, metadata: Metadata, options?: CallOptions): ClientReadableStream<ChatEvent>
  close(): void
}

const scripted = script()
let edge: Edge
let client: Inference
beforeAll(async () => {
  const key = {
    id: 'k1',
    sha256: hash('sha256', 'secret'),
    permissions: ['models:use' as const],
    models: [],
    accounts: [],
  }
  edge = await startEdge({ provider: scripted.provider, keys: [key] })
  client = new InferenceStub(new URL(edge.http2).host, credentials.createInsecure()) as unknown as Inference
})
afterAll(async () => {
  client.close()
  await edge[Symbol.asyncDispose]()
})

function ask(model: string): ChatRequest {
  const parts = [{ kind: { case: 'text' as const, value: { text: 'grpc-js' } } }]
  return create(ChatRequestSchema, { model, messages: [{ role: Role.USER, parts }] })
}

function metadata(entries: Record<string, string> = {}): Metadata {
  const result = new Metadata()
  for (const [name, value] of Object.entries({ authorization: 'Bearer secret', ...entries })) result.set(name, value)
  return result
}

interface Answer {
  readonly response: ChatResponse
  readonly headers: Metadata
}

function whole(request: ChatRequest, sent = metadata(), options: CallOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let headers = new Metadata()
    const call = client.chat(request, sent, options, (error, response) => {
      if (error !== null || response === undefined) reject(error ?? new Error('neither an error nor a response'))
      else resolve({ response, headers })
    })
    call.on('metadata', (received: Metadata) => {
      headers = received
    })
  })
}

async function errorOf(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call
  } catch (error) {
    return error as ServiceError
  }
  throw new Error('the call should have failed')
}

/** The detail as any gRPC client finds it: a google.rpc.Status in the trailers. */
function reasonIn({ metadata: trailers }: ServiceError): ErrorInfo | undefined {
  const [bytes] = trailers.get('grpc-status-details-bin')
  const encoded = Buffer.from(bytes as Buffer).toString('base64')
  return findTrailerError(new Headers({ 'grpc-status-details-bin': encoded }))?.findDetails(ErrorInfoSchema)[0]
}

test('grpc-js gets a whole answer, with the headers of the edge', async () => {
  const { response, headers } = await whole(ask('drops'), metadata({ 'x-request-id': 'from-grpc-js' }))
  expect(response.choices[0]?.message?.parts[0]?.kind.value).toMatchObject({ text: 'hello grpc-js' })
  expect(headers.get('x-request-id')).toEqual(['from-grpc-js'])
  expect(headers.get('x-switchyard-dropped')).toEqual(['seed, na?ve??field'])
})

test('grpc-js gets the events of a stream one by one', async () => {
  const events: ChatEvent[] = await client.streamChat(ask('hello'), metadata()).toArray()
  expect(events.map(({ event }) => event.case)).toEqual(['started', 'textDelta', 'textDelta', 'finished', 'usage'])
})

test('grpc-js gets status, message and details of an error', async () => {
  const error = await errorOf(whole(ask('refuse')))
  expect(error).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'slow down' })
  expect(reasonIn(error)).toMatchObject({ reason: 'rate_limited', metadata: { retry_after_seconds: '7' } })
  expect(error.metadata.get('retry-after')).toEqual(['7'])
})

test('grpc-js gets the error of a stream that breaks, after what came before it', async () => {
  const stream = client.streamChat(ask('break'), metadata())
  const cases: unknown[] = []
  stream.on('data', ({ event }: ChatEvent) => cases.push(event.case))
  const error = await new Promise<ServiceError>((resolve) =>
    stream.once('error', (failure) => resolve(failure as ServiceError)),
  )
  expect(cases).toEqual(['started', 'textDelta'])
  expect(error.code).toBe(status.UNAVAILABLE)
  expect(reasonIn(error)).toMatchObject({ reason: 'provider_interrupted' })
})

test('grpc-js is told which field is wrong', async () => {
  const error = await errorOf(whole({ ...ask('hello'), temperature: 9 }))
  expect(error.code).toBe(status.INVALID_ARGUMENT)
  expect(reasonIn(error)).toMatchObject({ reason: 'invalid_request', metadata: { param: 'temperature' } })
})

test('grpc-js is refused with a wrong key', async () => {
  const error = await errorOf(whole(ask('hello'), metadata({ authorization: 'Bearer wrong' })))
  expect(error.code).toBe(status.UNAUTHENTICATED)
  expect(reasonIn(error)).toMatchObject({ reason: 'unauthenticated' })
})

test("grpc-js's deadline ends the call", async () => {
  const error = await errorOf(whole(ask('silent'), metadata(), { deadline: Date.now() + 80 }))
  expect(error.code).toBe(status.DEADLINE_EXCEEDED)
})

test('grpc-js cancels a stream, and its provider with it', async () => {
  const stream = client.streamChat(ask('wait'), metadata({ 'x-request-id': 'left-early' }))
  stream.on('data', ({ event }: ChatEvent) => event.case === 'textDelta' && stream.cancel())
  const error = await new Promise<ServiceError>((resolve) =>
    stream.once('error', (failure) => resolve(failure as ServiceError)),
  )
  expect(error.code).toBe(status.CANCELLED)
  const settled = { clientRequestId: 'left-early', status: 'cancelled', reason: 'client_closed' }
  await expect.poll(() => edge.calls).toContainEqual(expect.objectContaining(settled))
})
