import { create } from '@bufbuild/protobuf'
import { type Client, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ChatRequest, ChatRequestSchema, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { KeyService } from '#gen/switchyard/v1/key_pb.ts'
import { RegistryService } from '#gen/switchyard/v1/registry_pb.ts'
import { type Edge, startEdge } from './rpc-edge.ts'
import { script } from './rpc-script.ts'

const scripted = script()
let edge: Edge
beforeAll(async () => {
  edge = await startEdge({ provider: scripted.provider })
})
afterAll(async () => edge[Symbol.asyncDispose]())

const transports: Record<string, () => Transport> = {
  gRPC: () => createGrpcTransport({ baseUrl: edge.http2 }),
  'gRPC, JSON, gzip': () => createGrpcTransport({ baseUrl: edge.http2, useBinaryFormat: false, compressMinBytes: 0 }),
  'gRPC-Web over HTTP/1.1': () => createGrpcWebTransport({ baseUrl: edge.http1, httpVersion: '1.1' }),
  'gRPC-Web over HTTP/2': () => createGrpcWebTransport({ baseUrl: edge.http2, httpVersion: '2' }),
  'Connect, binary': () => createConnectTransport({ baseUrl: edge.http1, httpVersion: '1.1', useBinaryFormat: true }),
  'Connect, JSON': () => createConnectTransport({ baseUrl: edge.http1, httpVersion: '1.1', useBinaryFormat: false }),
  'Connect, JSON over HTTP/2': () =>
    createConnectTransport({ baseUrl: edge.http2, httpVersion: '2', useBinaryFormat: false, compressMinBytes: 0 }),
}

function ask(model: string, text = 'there') {
  const part = { kind: { case: 'text' as const, value: { text } } }
  return create(ChatRequestSchema, { model, messages: [{ role: Role.USER, parts: [part] }] })
}

/** The error that a call ends with. */
async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call
  } catch (error) {
    return ConnectError.from(error)
  }
  throw new Error('the call should have failed')
}

async function read(client: Client<typeof InferenceService>, request: ChatRequest): Promise<string[]> {
  const cases: string[] = []
  for await (const { event } of client.streamChat(request)) {
    cases.push(event.case === 'textDelta' ? event.value.text : (event.case ?? ''))
  }
  return cases
}

describe.each(Object.keys(transports))('%s', (name) => {
  const transport = () => transports[name]?.() ?? createGrpcTransport({ baseUrl: edge.http2 })
  const client = () => createClient(InferenceService, transport())

  test('answers a chat whole', async () => {
    const answer = await client().chat(ask('hello'))
    expect(answer.choices[0]?.message?.parts[0]?.kind.value).toMatchObject({ text: 'hello there' })
    expect(answer.usage).toMatchObject({ inputTokens: 3, outputTokens: 2 })
  })

  test('streams a chat as events, in order', async () => {
    expect(await read(client(), ask('hello'))).toEqual(['started', 'hello', ' there', 'finished', 'usage'])
  })

  test('lists models', async () => {
    const { models } = await client().listModels({})
    expect(models.map(({ id }) => id)).toEqual(['fast'])
  })

  test('gives the reason of a failure as a detail', async () => {
    const error = await errorOf(client().chat(ask('refuse')))
    expect(error.code).toBe(Code.ResourceExhausted)
    expect(error.rawMessage).toBe('slow down')
    const [info] = error.findDetails(ErrorInfoSchema)
    expect(info).toMatchObject({ reason: 'rate_limited', domain: 'switchyard', metadata: { retry_after_seconds: '7' } })
    expect(error.metadata.get('x-request-id')).toBe(info?.metadata['request_id'])
  })

  test('fails a stream before its first event with the same error', async () => {
    const error = await errorOf(read(client(), ask('refuse')))
    expect(error.code).toBe(Code.ResourceExhausted)
    expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: 'rate_limited' })
  })

  test('never ends a broken stream as if it were whole', async () => {
    const texts: string[] = []
    const error = await errorOf(
      (async () => {
        for await (const { event } of client().streamChat(ask('break'))) texts.push(event.case ?? '')
      })(),
    )
    expect(texts).toEqual(['started', 'textDelta'])
    expect(error.code).toBe(Code.Unavailable)
    expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: 'provider_interrupted' })
  })

  test('names the field that breaks a rule of the contract', async () => {
    const request = ask('hello')
    request.messages[0] = { ...request.messages[0], role: Role.UNSPECIFIED } as (typeof request.messages)[0]
    const [info] = (await errorOf(client().chat(request))).findDetails(ErrorInfoSchema)
    expect(info).toMatchObject({ reason: 'invalid_request', metadata: { param: 'messages[0].role' } })
    const streamed = await errorOf(read(client(), { ...request, topP: 7 }))
    expect(streamed.code).toBe(Code.InvalidArgument)
  })

  test('passes the request id on and gives one when there is none', async () => {
    const ids: (string | null)[] = []
    const onHeader = (header: Headers) => ids.push(header.get('x-request-id'))
    await client().chat(ask('hello'), { headers: { 'x-request-id': 'mine-1.2_3' }, onHeader })
    await client().chat(ask('hello'), { headers: { 'x-request-id': 'not mine' }, onHeader })
    expect(ids).toEqual(['mine-1.2_3', expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)])
  })

  test('names what was dropped in a header that any header may hold', async () => {
    const seen: (string | null)[] = []
    const onHeader = (header: Headers) => seen.push(header.get('x-switchyard-dropped'))
    const { dropped } = await client().chat(ask('drops'), { onHeader })
    await Array.fromAsync(client().streamChat(ask('drops'), { onHeader }))
    expect(seen).toEqual(['seed, na?ve??field', 'seed, na?ve??field'])
    expect(dropped).toEqual(['seed', 'naïve\r\nfield'])
  })

  test('says that a method is not available in this version', async () => {
    const keys = createClient(KeyService, transport())
    const error = await errorOf(keys.getBudget({ accountId: 'default' }))
    expect(error.code).toBe(Code.Unimplemented)
    expect(error.rawMessage).toContain('switchyard.v1.KeyService/GetBudget is not available in this version')
  })

  test('reads providers', async () => {
    const registry = createClient(RegistryService, transport())
    const { providers } = await registry.listProviders({})
    expect(providers.map((provider) => provider.name)).toEqual(['scripted'])
    expect(await registry.getProvider({ idOrName: 'scripted' })).toMatchObject({ id: '0a1b2c3d' })
    const error = await errorOf(registry.getProvider({ idOrName: 'nobody' }))
    expect(error.code).toBe(Code.NotFound)
  })

  test('ends a call at the deadline of its caller', async () => {
    const error = await errorOf(client().chat(ask('silent'), { timeoutMs: 60 }))
    expect(error.code).toBe(Code.DeadlineExceeded)
  })
})
