import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ask } from '../faults/client.ts'
import { type FaultyGateway, openGateway } from '../faults/gateway.ts'
import { status, well } from '../faults/upstream.ts'
import { saying } from './gateway.ts'

const parent = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${parent}-00f067aa0ba902b7-01`

/** Takes in what is exported, as an OTLP collector would. */
async function collector(answers = 200): Promise<{ server: Server; url: string; bodies: Buffer[] }> {
  const bodies: Buffer[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks))
      response.writeHead(answers, { 'content-type': 'application/x-protobuf' }).end()
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies }
}

describe('without an endpoint', () => {
  let gateway: FaultyGateway
  beforeAll(async () => {
    gateway = await openGateway()
    gateway.upstream.answer('well', well)
  })
  afterAll(() => gateway[Symbol.asyncDispose]())

  test('the trace of the client goes on to the provider as it is', async () => {
    const body = { model: 'up/well', messages: saying('hi') }
    await ask(`${gateway.url}/v1/chat/completions`, body, { traceparent, tracestate: 'vendor=1' })
    expect(gateway.upstream.received().at(-1)?.headers).toMatchObject({ traceparent, tracestate: 'vendor=1' })
  })

  test('and there is none where the client has none', async () => {
    await ask(`${gateway.url}/v1/chat/completions`, { model: 'up/well', messages: saying('hi') })
    expect(gateway.upstream.received().at(-1)?.headers).not.toHaveProperty('traceparent')
  })
})

describe('with an endpoint', () => {
  test('that takes nothing, the gateway stops as well as ever, and says so', async () => {
    const { server, url, bodies } = await collector(401)
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', url)
    const gateway = await openGateway({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: url } })
    try {
      await ask(`${gateway.url}/v1/chat/completions`, { model: 'up/nobody', messages: saying('hi') })
      await expect(gateway[Symbol.asyncDispose]()).resolves.toBeUndefined()
      expect(bodies).toHaveLength(1)
      expect(gateway.log()).toContain('the last traces could not be sent')
    } finally {
      server.close()
      vi.unstubAllEnvs()
    }
  })

  test('each call is a span of the trace of its client, and each try one below it', async () => {
    const { server, url, bodies } = await collector()
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', url)
    const gateway = await openGateway({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: url } })
    try {
      gateway.upstream.answer('well', well)
      gateway.upstream.answer('broken', status(503, { error: { message: 'busy' } }))
      const good = { model: 'up/well', messages: saying('a prompt that stays inside') }
      await ask(`${gateway.url}/v1/chat/completions`, good, { traceparent, tracestate: 'vendor=1' })
      const sent = gateway.upstream.received().at(-1)?.headers ?? {}
      expect(sent['traceparent']).toMatch(new RegExp(`^00-${parent}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`))
      expect(sent['tracestate']).toBe('vendor=1')
      await ask(`${gateway.url}/v1/chat/completions`, { ...good, model: 'up/broken' })
      await gateway[Symbol.asyncDispose]()
      const text = Buffer.concat(bodies).toString('latin1')
      const times = (word: string): number => text.split(word).length - 1
      expect(text).toContain(Buffer.from(parent, 'hex').toString('latin1'))
      // The span that the provider was told is one of those that were exported.
      expect(text).toContain(Buffer.from(String(sent['traceparent']).split('-')[2] ?? '', 'hex').toString('latin1'))
      expect([times('chat up/well'), times('chat up/broken')]).toEqual([1, 1])
      for (const name of ['gen_ai.operation.name', 'gen_ai.usage.input_tokens', 'error.type', 'provider_unavailable'])
        expect(text).toContain(name)
      expect(text).not.toContain('stays inside')
    } finally {
      server.close()
      vi.unstubAllEnvs()
    }
  })
})
