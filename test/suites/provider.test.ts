import { once } from 'node:events'
import { createServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ChatResponse } from '#gen/switchyard/v1/chat_pb.ts'
import { collect, type Host, type Provider, remoteProvider, serveProvider } from '#provider'
import simulator from '../../plugins/simulator/index.ts'
import type { Subject } from '../../src/conformance/contract.ts'
import { checks, examine } from '../../src/conformance/examine.ts'
import { gatewayWith } from '../services/gateway.ts'
import { ask, chat, contextFor } from './asking.ts'

const { egress, log } = contextFor()
const surroundings = { egress, log }

/** The simulator as it is, with the answers being made counted. */
async function openSimulator() {
  const host: Host = { name: 'simulator', egress, log }
  const provider = await simulator.create({ baseUrl: '', own: {} }, host)
  let running = 0
  async function* counted(...call: Parameters<NonNullable<Provider['chat']>>) {
    running++
    try {
      yield* provider.chat?.(...call) ?? []
    } finally {
      running--
    }
  }
  return { provider: { ...provider, chat: counted } satisfies Provider, running: () => running }
}

async function inProcess(): Promise<Subject> {
  const { provider, running } = await openSimulator()
  const name = 'the simulator in process'
  return {
    name,
    kind: 'plugin',
    provider,
    model: 'echo',
    surroundings,
    running,
    [Symbol.asyncDispose]: async () => {},
  }
}

async function behindSocket(): Promise<Subject> {
  const { provider, running } = await openSimulator()
  const sessions = new Set<ServerHttp2Session>()
  const server = createServer(connectNodeAdapter({ routes: serveProvider(provider, contextFor()) }))
  server.on('session', (session) => sessions.add(session))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const remote = remoteProvider(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return {
    name: 'the simulator behind a gRPC socket',
    kind: 'remote',
    provider: remote,
    model: 'echo',
    surroundings,
    running,
    async [Symbol.asyncDispose]() {
      await remote.close?.()
      for (const session of sessions) session.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function behindGateway(): Promise<Subject> {
  const gateway = await gatewayWith({})
  const remote = remoteProvider(gateway.url)
  return {
    name: 'a running gateway',
    kind: 'gateway',
    provider: remote,
    model: 'simulator/echo',
    surroundings,
    running: () => inFlight(gateway.url),
    async [Symbol.asyncDispose]() {
      await remote.close?.()
      await gateway.stop()
    },
  }
}

/** What the gateway itself says of the calls it is answering. */
async function inFlight(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith('switchyard_requests_in_flight'))
  expect(lines.length).toBeGreaterThan(0)
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

describe.each([
  ['the simulator in process', inProcess],
  ['the simulator behind a gRPC socket', behindSocket],
  ['a running gateway', behindGateway],
])('%s', (_name, open) => {
  let subject: Subject
  beforeAll(async () => {
    subject = await open()
  })
  afterAll(async () => subject[Symbol.asyncDispose]())

  test.each(checks)('$operation: $feature', async (check) => {
    const { outcomes, conforms } = await examine(subject, 20_000, [check])
    expect(outcomes).toEqual([expect.objectContaining({ feature: check.feature, verdict: 'pass', note: '' })])
    expect(conforms).toBe(true)
  })

  test('tells of the very same answer, whole and as a stream', async () => {
    const weather = { type: 'object' as const, properties: { city: { type: 'string' as const } }, required: ['city'] }
    const tool = { kind: { case: 'function' as const, value: { name: 'weather', parameters: weather } } }
    const format = { kind: { case: 'jsonSchema' as const, value: { name: 'weather', schema: weather } } }
    const place = subject.model.replace('echo', '')
    await using plain = await inProcess()
    const asked: readonly (readonly [string, Parameters<typeof ask>[2]])[] = [
      ['echo', {}],
      ['echo?calls=2', { tools: [tool] }],
      ['echo', { responseFormat: format }],
      ['echo', { reasoning: { effort: 'low' } }],
      ['lorem?tokens=12', { n: 2, seed: 7n, maxOutputTokens: 10 }],
    ]
    for (const [model, given] of asked) {
      const expected = await collect(chat(plain.provider, ask(model, 'hello there', given)))
      for (const streaming of [true, false]) {
        const answer = await collect(chat(subject.provider, ask(place + model, 'hello there', given), { streaming }))
        expect(timeless(answer)).toEqual(timeless(expected))
      }
    }
  })

  test('streams an answer as it is made', async () => {
    const sizes: number[] = []
    const model = subject.model.replace('echo', 'lorem?tokens=8&tps=20')
    for await (const batch of chat(subject.provider, ask(model, 'go'))) sizes.push(batch.length)
    expect(sizes.length).toBeGreaterThan(2)
  })
})

function timeless({ created: _created, ...response }: ChatResponse): Omit<ChatResponse, 'created'> {
  return response
}

describe('the kit finds a provider out', () => {
  /** The simulator with something wrong with it. */
  const spoilt = async (wrong: (right: NonNullable<Provider['chat']>) => Provider['chat']): Promise<Subject> => {
    const subject = await inProcess()
    const right = subject.provider.chat?.bind(subject.provider)
    const spoiltChat = right && wrong(right)
    return { ...subject, provider: { ...subject.provider, ...(spoiltChat && { chat: spoiltChat }) } }
  }
  const failed = async (subject: Subject, limitMs = 20_000) => {
    const { outcomes, conforms } = await examine(subject, limitMs)
    return {
      conforms,
      failed: outcomes.filter(({ verdict }) => verdict === 'fail').map(({ feature }) => feature),
      unsupported: outcomes.filter(({ verdict }) => verdict === 'not supported').map(({ feature }) => feature),
    }
  }

  test('that drops fields without a word', async () => {
    const silent = await spoilt(
      (right) => (request, context) => right({ ...request, source: undefined, tools: [], strict: false }, context),
    )
    expect(await failed(silent)).toMatchObject({
      conforms: false,
      failed: expect.arrayContaining(['tools', 'dropped fields are named', 'dropped fields are refused when strict']),
    })
  })

  test('that works on for callers who left', async () => {
    const deaf = await spoilt(
      (right) => (request, context) => right(request, { ...context, signal: new AbortController().signal }),
    )
    const found = await failed(deaf, 2000)
    expect(found.conforms).toBe(false)
    expect(found.failed).toContain('cancellation before the first event')
    expect(found.failed).toContain('cancellation within a stream')
  })

  test('that ends a cut answer as if it were whole', async () => {
    const hasty = await spoilt(
      (right) =>
        async function* swallow(request, context) {
          try {
            yield* right(request, context)
          } catch (error) {
            if (!request.model.startsWith('cut')) throw error
          }
        },
    )
    expect(await failed(hasty)).toMatchObject({ conforms: false, failed: ['broken answers'] })
  })

  test('that says the events in another order', async () => {
    const disorderly = await spoilt(
      (right) =>
        async function* reversed(request, context) {
          for await (const batch of right(request, context)) yield Array.isArray(batch) ? batch.toReversed() : batch
        },
    )
    expect((await failed(disorderly)).failed).toContain('order of events')
  })

  test('and says of what it cannot see that it is not supported', async () => {
    const { provider, ...rest } = await inProcess()
    const chatOnly: Provider = { chat: (...call) => provider.chat?.(...call) ?? expect.fail('it cannot chat') }
    const found = await failed({ ...rest, provider: chatOnly })
    expect(found).toEqual({
      conforms: true,
      failed: [],
      unsupported: ['count', 'list', 'parallel tools', 'reasons of errors', 'broken answers'],
    })
  })
})
