import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type SecureClientSessionOptions } from 'node:http2'
import { type RequestOptions, request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import { afterAll, describe, expect, test } from 'vitest'
import { selfSigned } from '../faults/certificate.ts'
import { ways } from '../faults/ways.ts'
import { sharedGateway } from './gateway.ts'

const { cert, key } = selfSigned()
const folder = mkdtempSync(join(tmpdir(), 'switchyard-tls-'))
afterAll(() => rmSync(folder, { recursive: true }))
const paths = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
writeFileSync(paths.cert, cert)
writeFileSync(paths.key, key)

const clear = await sharedGateway()
const secure = await sharedGateway({ config: { server: { tls: paths } } })
const trust = { ca: cert, servername: 'localhost' }

interface Answer {
  readonly head: IncomingHttpHeaders
  readonly body: string
}

/** One request on a stream of its own. */
async function ask(session: ClientHttp2Session, path: string, body?: object): Promise<Answer> {
  const method = body === undefined ? 'GET' : 'POST'
  const stream = session.request({ ':method': method, ':path': path, 'content-type': 'application/json' })
  stream.end(body === undefined ? undefined : JSON.stringify(body))
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  return { head, body: await text(stream) }
}

async function withSession(
  url: string,
  options: SecureClientSessionOptions,
  use: (session: ClientHttp2Session) => Promise<void>,
): Promise<void> {
  const session = connect(url, options)
  try {
    await use(session)
  } finally {
    session.destroy()
  }
}

describe.each([
  ['cleartext', clear.url, {}],
  ['TLS', secure.url, trust],
])('HTTP/2 over %s', (_how, url, options) => {
  test('has the pages and the lists', () =>
    withSession(url, options, async (session) => {
      const health = await ask(session, '/healthz')
      expect([health.head[':status'], health.body]).toEqual([200, '{"status":"ok"}'])
      const { head, body } = await ask(session, '/v1/models/simulator/echo')
      expect(head).toMatchObject({ ':status': 200, 'x-request-id': expect.any(String) })
      expect(JSON.parse(body)).toMatchObject({ id: 'simulator/echo', object: 'model' })
      expect((await ask(session, '/v1/nothing')).head[':status']).toBe(404)
      expect(session.encrypted).toBe(url.startsWith('https'))
    }))

  test.each(ways)('answers and streams, many at a time on one connection: $name', (way) =>
    withSession(url, options, async (session) => {
      const turns = Array.from({ length: 10 }, async (_each, index) => {
        const streaming = index % 2 === 0
        const asked = await ask(session, way.path(streaming), way.body('simulator/echo', streaming))
        expect(asked.head[':status']).toBe(200)
        if (streaming) expect([way.stopped(asked.body), way.said(asked.body)]).toEqual([true, said])
        else expect(asked.body).toContain(said)
      })
      await Promise.all(turns)
    }),
  )

  test.each(ways)('tells errors before and within a stream: $name', (way) =>
    withSession(url, options, async (session) => {
      const before = await ask(session, way.path(true), way.body('simulator/status-429', true))
      expect(before.head).toMatchObject({ ':status': 429, 'retry-after': '1' })
      const within = await ask(session, way.path(true), way.body('simulator/cut-after-2', true))
      expect(way.failure(within.body)?.code).toBe(way.codeOf('provider_interrupted'))
      expect(way.stopped(within.body)).toBe(false)
      const large = await ask(session, way.path(false), { padding: 'x'.repeat(100), model: 7 })
      expect(large.head[':status']).toBe(way.name === 'sgp' ? 422 : 400)
    }),
  )
})

const said = '[simulated] You said: count to four, please'

describe('TLS', () => {
  const { port } = secure

  test('settles on the protocol by ALPN', async () => {
    for (const [offered, chosen] of [
      [['h2', 'http/1.1'], 'h2'],
      [['http/1.1'], 'http/1.1'],
      [[], false],
    ] as const) {
      const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: [...offered], ...trust })
      await once(socket, 'secureConnect')
      expect(socket.alpnProtocol).toBe(chosen)
      socket.destroy()
    }
  })

  test.each(ways)('serves HTTP/1.1, whole and streamed: $name', async (way) => {
    for (const streaming of [false, true]) {
      const options: RequestOptions = {
        port,
        host: '127.0.0.1',
        path: way.path(streaming),
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/json' },
        ...trust,
      }
      const request = httpsRequest(options).end(JSON.stringify(way.body('simulator/echo', streaming)))
      const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream & { statusCode: number }]
      const body = await text(response)
      expect(response.statusCode).toBe(200)
      expect(streaming ? way.said(body) : body).toContain(said)
    }
  })

  test('is the only thing its port speaks', async () => {
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow()
    expect(secure.url).toMatch(/^https:/)
  })
})
