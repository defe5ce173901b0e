import { once } from 'node:events'
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { create } from '@bufbuild/protobuf'
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import { describe, expect, test } from 'vitest'
import { ChatResponseSchema } from '#gen/switchyard/v1/chat_pb.ts'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { ask, chat, contextFor, failureOf, textOf, until } from '../../test/suites/asking.ts'
import type { GatewayError } from '../error/index.ts'
import { collect } from '../model/collect.ts'
import { finished, started, textDelta, usageEvent } from '../model/events.ts'
import { usage } from '../model/usage.ts'
import type { CallContext, Provider } from './contract.ts'
import { remoteProvider } from './remote.ts'
import { Secret } from './secret.ts'
import { serveProvider } from './serve.ts'

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A provider served over a real socket, and asked from the other side of it. */
async function open(provider: Provider, given: Partial<CallContext> = {}) {
  const sessions = new Set<ServerHttp2Session>()
  const headers: Record<string, unknown>[] = []
  const answer = connectNodeAdapter({ routes: serveProvider(provider, contextFor(given)) })
  const server = createServer((request, response) => {
    headers.push(request.headers)
    answer(request, response)
  })
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
  })
  const address = await listen(server)
  const remote = remoteProvider(address, { maxMessageBytes: 10_000 })
  return {
    address,
    remote,
    headers,
    sessions,
    async [Symbol.asyncDispose]() {
      await remote.close?.()
      for (const session of sessions) session.destroy()
      server.close()
    },
  }
}

const friendly: Provider = {
  async *chat(request) {
    yield [started({ model: request.model }), textDelta(`asked for ${request.model} of "${request.provider}"`)]
    yield finished({ reason: 1 })
  },
}

describe('a remote provider', () => {
  test('is told the id of the call and the credential chosen for it', async () => {
    await using opened = await open(friendly)
    const credential = { id: 'POOLED', secret: new Secret('s3cret') }
    await collect(chat(opened.remote, ask('m', 'hi'), { requestId: 'r-17', credential }))
    await collect(chat(opened.remote, ask('m', 'hi'), { requestId: 'r-18', streaming: false }))
    expect(opened.headers).toMatchObject([
      { 'x-request-id': 'r-17', authorization: 'Bearer s3cret' },
      { 'x-request-id': 'r-18' },
    ])
    expect(opened.headers[1]).not.toHaveProperty('authorization')
  })

  test('gets the upstream model, and not the name that its provider has here', async () => {
    await using opened = await open(friendly)
    const answer = await collect(chat(opened.remote, ask('m', 'hi', { provider: 'my-remote' })))
    expect(textOf(answer)).toBe('asked for m of ""')
  })

  test('shares one connection, and opens another when it was lost', async () => {
    await using opened = await open(friendly)
    await Promise.all([1, 2, 3].map(() => collect(chat(opened.remote, ask('m', 'hi')))))
    expect(opened.sessions.size).toBe(1)
    for (const session of opened.sessions) session.destroy()
    await until(() => opened.sessions.size === 0)
    expect(textOf(await collect(chat(opened.remote, ask('m', 'hi'))))).toContain('asked for m')
  })

  test('finishes its calls when the server says goodbye, and sends new ones over a new connection', async () => {
    const gate = Promise.withResolvers<void>()
    await using opened = await open({
      async *chat() {
        yield textDelta('one ')
        await gate.promise
        yield textDelta('two')
      },
    })
    const events = chat(opened.remote, ask('m', 'hi'))[Symbol.asyncIterator]()
    await events.next()
    const [first] = opened.sessions
    first?.goaway(0, 2 ** 31 - 1)
    await new Promise((resolve) => first?.ping(resolve))
    const second = chat(opened.remote, ask('m', 'hi'))[Symbol.asyncIterator]()
    await second.next()
    expect(opened.sessions.size).toBe(2)
    gate.resolve()
    expect((await events.next()).value?.[0]?.event.value).toMatchObject({ text: 'two' })
    expect((await events.next()).done).toBe(true)
    expect((await second.next()).value?.[0]?.event.value).toMatchObject({ text: 'two' })
  })

  test('says that an operation is missing when the remote side lacks it', async () => {
    await using opened = await open({})
    for (const streaming of [true, false]) {
      const { error } = await failureOf(chat(opened.remote, ask('m', 'hi'), { streaming }))
      expect(error).toMatchObject({ reason: 'unsupported_operation' })
    }
    const models = opened.remote.listModels?.(contextFor())[Symbol.asyncIterator]()
    await expect(models?.next()).rejects.toMatchObject({ reason: 'unsupported_operation' })
  })

  test('keeps to itself what a provider should not have thrown, and logs it there', async () => {
    const logged: object[] = []
    const log = { ...contextFor().log, error: (fields: object) => logged.push(fields) }
    const broken = new Error('password is hunter2')
    await using opened = await open(
      {
        // oxlint-disable-next-line require-yield
        async *chat() {
          throw broken
        },
      },
      { log },
    )
    const { error } = await failureOf(chat(opened.remote, ask('m', 'hi'), { requestId: 'r-1' }))
    expect(error).toMatchObject({ reason: 'provider_error', message: 'the provider failed' })
    expect(logged).toEqual([{ requestId: 'r-1', err: broken }])
  })

  test('refuses an answer that is larger than it may be', async () => {
    await using opened = await open({
      async *chat() {
        yield textDelta('a'.repeat(20_000))
      },
    })
    for (const streaming of [true, false]) {
      const { error } = await failureOf(chat(opened.remote, ask('m', 'hi'), { streaming }))
      expect(error).toMatchObject({ reason: 'provider_error', message: 'the answer of the provider is too large' })
    }
  })

  test('spells a whole answer as events, its raw form on the last of them', async () => {
    const response = create(ChatResponseSchema, { id: 'r', raw: '{}', rawDialect: 'acme', usage: { outputTokens: 4 } })
    await using server = createServer(
      connectNodeAdapter({ routes: (router) => router.service(InferenceService, { chat: () => response }) }),
    )
    const remote = remoteProvider(await listen(server))
    const batches: unknown[] = []
    for await (const batch of chat(remote, ask('m', 'hi'), { streaming: false })) batches.push(batch)
    expect(batches).toMatchObject([[{ event: { case: 'started' } }, { event: { case: 'usage' }, rawResponse: '{}' }]])
    await remote.close?.()
  })

  test.each([
    [{}, true],
    [{ raw: { prompt_tokens: 0 } }, false],
    [{ outputTokens: 4 }, false],
    [{ estimated: true }, false],
  ])('that says %j of what it used leaves both totals unknown: %s', async (spent, isUnknown) => {
    await using opened = await open({
      async *chat() {
        yield [textDelta('hi'), finished({ reason: 1 }), usageEvent(usage(spent))]
      },
    })
    for (const streaming of [true, false]) {
      const { usage: told } = await collect(chat(opened.remote, ask('m', 'hi'), { streaming }))
      expect(told).toMatchObject({ inputUnknown: isUnknown, outputUnknown: isUnknown })
    }
  })

  test.each([
    ['of the call', { credential: { id: 'K', secret: new Secret('the~key') } }, {}],
    ['of its own', {}, { credential: { id: 'K', secret: new Secret('the~key') } }],
  ])('hears no key %s again, whatever the other side says', async (_whose, given, options) => {
    const tell = ({ requestHeader }: HandlerContext) => requestHeader.get('authorization') ?? ''
    const failure = (context: HandlerContext): ConnectError => {
      const metadata = { param: tell(context), timer: tell(context) }
      const value = { reason: 'invalid_request', domain: 'switchyard', metadata }
      return new ConnectError(`no ${tell(context)} at http://10.1.2.3`, Code.InvalidArgument, {}, [
        { desc: ErrorInfoSchema, value },
      ])
    }
    await using server = createServer(
      connectNodeAdapter({
        routes: (router) =>
          router.service(InferenceService, {
            chat: (_request, context) => ({ id: 'r', upstreamRequestId: tell(context) }),
            async *streamChat(_request, context) {
              yield { event: { case: 'started' as const, value: { id: 'r', upstreamRequestId: tell(context) } } }
              throw failure(context)
            },
            countTokens: (_request, context) => Promise.reject(failure(context)),
          }),
      }),
    )
    const remote = remoteProvider(await listen(server), options)
    await using _closing = { [Symbol.asyncDispose]: async () => remote.close?.() }
    const { events, error } = await failureOf(chat(remote, ask('m', 'hi'), given))
    const counted = await remote.countTokens?.(ask('m', 'hi'), contextFor(given)).catch((thrown: unknown) => thrown)
    for (const thrown of [error, counted]) {
      expect(thrown).toMatchObject({ reason: 'invalid_request', message: 'no [credential] at [url]' })
      expect((thrown as GatewayError).details).toEqual({ quotes: true })
    }
    const whole = await collect(chat(remote, ask('m', 'hi'), { ...given, streaming: false }))
    expect([events[0]?.event.value, whole]).toMatchObject([{ upstreamRequestId: '' }, { upstreamRequestId: '' }])
  })

  test('ends its connection when it is closed, and takes no more calls', async () => {
    await using opened = await open(friendly)
    await collect(chat(opened.remote, ask('m', 'hi')))
    expect(opened.sessions.size).toBe(1)
    await opened.remote.close?.()
    await until(() => opened.sessions.size === 0)
    const { error } = await failureOf(chat(opened.remote, ask('m', 'hi')))
    expect(error).toMatchObject({ reason: 'provider_unreachable', message: 'the provider is closed' })
  })

  test.each(['', 'localhost:50051', 'ftp://localhost', 'not an address'])('refuses the address %j', (address) => {
    expect(() => remoteProvider(address)).toThrow(/needs an address such as/)
  })
})

describe('a broken connection', () => {
  test('is provider_unreachable where nobody listens', async () => {
    const server = createTcpServer()
    const address = await listen(server)
    server.close()
    await once(server, 'close')
    for (const streaming of [true, false]) {
      const { error } = await failureOf(chat(remoteProvider(address), ask('m', 'hi'), { streaming }))
      expect(error).toMatchObject({ reason: 'provider_unreachable', retryable: true })
      expect((error as Error).message).not.toContain('127.0.0.1')
    }
  })

  test('is provider_unreachable where nobody speaks HTTP/2, and harms nothing else', async () => {
    await using server = createTcpServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    )
    const remote = remoteProvider(await listen(server))
    for (const streaming of [true, false]) {
      const { error } = await failureOf(chat(remote, ask('m', 'hi'), { streaming }))
      expect(error).toMatchObject({ reason: 'provider_unreachable' })
    }
    await remote.close?.()
  })

  test('is provider_unreachable where TLS is spoken to a server without it', async () => {
    await using server = createServer()
    const address = await listen(server)
    const remote = remoteProvider(address.replace('http:', 'https:'))
    const { error } = await failureOf(chat(remote, ask('m', 'hi')))
    expect(error).toMatchObject({ reason: 'provider_unreachable' })
  })

  test('is provider_interrupted after the first event, never an end', async () => {
    const gone = Promise.withResolvers<never>()
    gone.promise.catch(() => {})
    await using opened = await open({
      async *chat() {
        yield textDelta('one')
        await gone.promise
      },
    })
    const events = chat(opened.remote, ask('m', 'hi'))[Symbol.asyncIterator]()
    await events.next()
    for (const session of opened.sessions) session.destroy()
    await expect(events.next()).rejects.toMatchObject({ reason: 'provider_interrupted' })
    gone.reject(new Error('over'))
  })

  test.each([
    ['ends without a status', (stream: ServerHttp2Stream) => stream.end()],
    ['is reset', (stream: ServerHttp2Stream) => stream.close(8)],
  ])('is provider_interrupted when the answer %s', async (_, end) => {
    await using server = createServer()
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' })
      end(stream)
    })
    const remote = remoteProvider(await listen(server))
    for (const streaming of [true, false]) {
      const { error } = await failureOf(chat(remote, ask('m', 'hi'), { streaming }))
      expect(error).toMatchObject({ reason: 'provider_interrupted' })
    }
    await remote.close?.()
  })

  test('keeps the meaning of a plain HTTP error from something in between', async () => {
    await using server = createServer((_, response) => response.writeHead(503, { date: 'today' }).end('busy'))
    const remote = remoteProvider(await listen(server))
    const { error } = await failureOf(chat(remote, ask('m', 'hi')))
    expect(error).toMatchObject({ reason: 'provider_unavailable' })
    await remote.close?.()
  })
})
