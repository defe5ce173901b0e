import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { promisify } from 'node:util'
import { create } from '@bufbuild/protobuf'
import { Code, createClient } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node'
import { createGrpcWebTransport as createWebTransport } from '@connectrpc/connect-web'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Health, HealthCheckResponse_ServingStatus as Status } from '#gen/grpc/health/v1/health_pb.ts'
import { type ChatRequest, ChatRequestSchema, type ChatResponse, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { dataDir } from '../data-dir.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type RunningGateway, startGateway } from '../../src/gateway.ts'

const key = 'sk-test-of-the-rpc-edge'
const headers = { authorization: `Bearer ${key}` }
let gateway: RunningGateway

async function start(): Promise<RunningGateway> {
  const env = { SWITCHYARD_SIMULATE: '1' }
  const config = loadConfig({ env, flags: { host: '127.0.0.1', port: '0', dataDir: dataDir() } })
  const rule = {
    id: 'tester',
    hash: `sha256:${hash('sha256', key)}`,
    permissions: ['models:use' as const],
    models: [],
    accounts: [],
  }
  return startGateway({ config: { ...config, keys: [rule] }, env, log: pino({ level: 'silent' }) })
}

beforeAll(async () => {
  gateway = await start()
})
afterAll(async () => gateway.stop())

function ask(model: string, text: string): ChatRequest {
  const parts = [{ kind: { case: 'text' as const, value: { text } } }]
  return create(ChatRequestSchema, { model, messages: [{ role: Role.USER, parts }] })
}

function textOf(response: ChatResponse): string {
  const kind = response.choices[0]?.message?.parts[0]?.kind
  return kind?.case === 'text' ? kind.value.text : ''
}

const transports = {
  gRPC: () => createGrpcTransport({ baseUrl: gateway.url }),
  'gRPC-Web over HTTP/1.1': () => createGrpcWebTransport({ baseUrl: gateway.url, httpVersion: '1.1' }),
  'gRPC-Web over HTTP/2': () => createGrpcWebTransport({ baseUrl: gateway.url, httpVersion: '2' }),
  'gRPC-Web as browsers speak it': () => createWebTransport({ baseUrl: gateway.url }),
  'Connect over HTTP/1.1': () => createConnectTransport({ baseUrl: gateway.url, httpVersion: '1.1' }),
  'Connect over HTTP/2 in JSON': () =>
    createConnectTransport({ baseUrl: gateway.url, httpVersion: '2', useBinaryFormat: false }),
  'Connect with GET': () => createConnectTransport({ baseUrl: gateway.url, httpVersion: '1.1', useHttpGet: true }),
}

test.each(Object.keys(transports) as (keyof typeof transports)[])('one port serves %s', async (name) => {
  const client = createClient(InferenceService, transports[name]())
  const { models } = await client.listModels({}, { headers })
  expect(models.map(({ id }) => id)).toContain('simulator/echo')
  expect(textOf(await client.chat(ask('echo', 'over the wire'), { headers }))).toContain('over the wire')
  const events = await Array.fromAsync(client.streamChat(ask('echo', 'one two'), { headers }))
  expect(new Set(events.map(({ event }) => event.case))).toEqual(new Set(['started', 'textDelta', 'finished', 'usage']))
  const cut = Array.fromAsync(client.streamChat(ask('cut-after-2', ''), { headers }))
  await expect(cut).rejects.toMatchObject({ code: Code.Unavailable })
  const hanging = client.chat(ask('hang', ''), { headers, timeoutMs: 50 })
  await expect(hanging).rejects.toMatchObject({ code: Code.DeadlineExceeded })
  await expect(client.chat(ask('echo', ''))).rejects.toMatchObject({ code: Code.Unauthenticated })
})

describe('a client that learns the contract from the gateway', () => {
  const run = promisify(execFile)
  const common = ['curl', '--http2-prior-knowledge', '--protocol', 'grpc']
  const buf = async (...args: string[]) => {
    const { stdout } = await run('node_modules/.bin/buf', [...common, ...args])
    return stdout
  }
  const body = '{"model":"echo","messages":[{"role":"ROLE_USER","parts":[{"text":{"text":"reflected"}}]}]}'

  test('lists the services', async () => {
    const listed = (await buf('--list-services', gateway.url)).trim().split('\n')
    expect(listed).toEqual(expect.arrayContaining(['switchyard.v1.InferenceService', 'grpc.health.v1.Health']))
  })

  test.each(['grpc-v1', 'grpc-v1alpha'])('calls and streams by %s', async (version) => {
    const authorised = ['--reflect-protocol', version, '-H', `x-api-key: ${key}`, '-d', body]
    const whole = await buf(...authorised, `${gateway.url}/switchyard.v1.InferenceService/Chat`)
    expect(JSON.parse(whole)).toMatchObject({ choices: [{ finishReason: 'FINISH_REASON_STOP' }] })
    const events = await buf(...authorised, `${gateway.url}/switchyard.v1.InferenceService/StreamChat`)
    expect(events).toContain('reflected')
  })

  test('reads the reason of a failure', async () => {
    const call = buf('-d', body, `${gateway.url}/switchyard.v1.InferenceService/Chat`)
    await expect(call).rejects.toThrow(/"unauthenticated"[^]*switchyard\.v1\.ErrorInfo/)
  })
})

function healthOf({ url }: RunningGateway) {
  return createClient(Health, createGrpcTransport({ baseUrl: url }))
}

describe('health', () => {
  test('is told for the whole and for each service, without a key', async () => {
    const health = healthOf(gateway)
    expect(await health.check({})).toMatchObject({ status: Status.SERVING })
    expect(await health.check({ service: 'switchyard.v1.InferenceService' })).toMatchObject({ status: Status.SERVING })
    await expect(health.check({ service: 'nobody.v1.Service' })).rejects.toMatchObject({ code: Code.NotFound })
    const { statuses } = await health.list({})
    expect(Object.keys(statuses)).toEqual(expect.arrayContaining(['', 'switchyard.v1.InferenceService']))
  })

  test('of an unknown service is watched as unknown', async () => {
    for await (const { status } of healthOf(gateway).watch({ service: 'nobody.v1.Service' })) {
      expect(status).toBe(Status.SERVICE_UNKNOWN)
      break
    }
  })

  test('turns to not serving when the gateway stops, which no watcher can hold up', async () => {
    const stopping = await start()
    const seen: Status[] = []
    const watching = (async () => {
      for await (const { status } of healthOf(stopping).watch({})) {
        seen.push(status)
        if (seen.length === 1) void stopping.stop()
      }
    })()
    await expect(watching).rejects.toMatchObject({ code: Code.Unavailable })
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING])
    await stopping.stop()
  })
})
