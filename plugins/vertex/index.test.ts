import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { pino } from 'pino'
import { createEgress } from '../../src/provider/egress.ts'
import { emptyChatRequest } from '../../src/model/request.ts'
import { message, textPart } from '../../src/dialects/parts.ts'
import { type CallContext, collect, GatewayError, Role } from '#provider'
import vertex from './index.ts'

interface Asked {
  readonly path: string
  readonly authorization: string | undefined
  readonly body: Record<string, unknown>
}

const egress = createEgress({ connectTimeoutMs: 1000 })
const log = pino({ level: 'silent' })
const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})

let server: Server
let baseUrl: string
let asked: Asked[] = []
let tokens: string[] = []
let tokenStatus = 200

beforeAll(async () => {
  server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      response.setHeader('content-type', 'application/json')
      if (request.url === '/token') {
        tokens.push(body)
        response.writeHead(tokenStatus)
        response.end(tokenStatus === 200 ? '{"access_token":"fresh","expires_in":3600}' : '{"error":"invalid_grant"}')
        return
      }
      const { url = '', headers } = request
      asked.push({ path: url, authorization: headers.authorization, body: JSON.parse(body) as Record<string, unknown> })
      response.end(answerTo(url))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(async () => {
  server.close()
  await egress.close()
})

beforeEach(() => {
  asked = []
  tokens = []
  tokenStatus = 200
})

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function answerTo(path: string): string {
  if (path.endsWith(':countTokens')) return '{"totalTokens":12}'
  if (path.includes('count-tokens')) return '{"input_tokens":13}'
  if (path.includes('/anthropic/'))
    return JSON.stringify({
      type: 'message',
      role: 'assistant',
      model: 'claude',
      content: [{ type: 'text', text: 'hello' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 1, output_tokens: 1 },
    })
  return '{"candidates":[{"content":{"role":"model","parts":[{"text":"hello"}]},"finishReason":"STOP"}]}'
}

async function provider(own: object) {
  const settings = vertex.manifest.settings.parse({ project: 'my-project', location: 'europe-west4', ...own })
  return vertex.create({ baseUrl, own: settings }, { name: 'vertex', egress, log })
}

function asking(model: string) {
  const request = emptyChatRequest(model)
  request.messages = [message(Role.USER, [textPart('hi')])]
  return request
}

const context = (): CallContext => ({
  signal: AbortSignal.timeout(30_000),
  streaming: false,
  requestId: 'r',
  egress,
  log,
})

async function say(own: object, model: string): Promise<string> {
  const made = await provider(own)
  const events = made.chat?.(asking(model), context()) as Parameters<typeof collect>[0]
  const answer = await collect(events)
  const [part] = answer.choices[0]?.message?.parts ?? []
  return part?.kind.case === 'text' ? part.kind.value.text : ''
}

test('asks Gemini below the project and its location, with the token given', async () => {
  expect(await say({ access_token: 'static' }, 'gemini-2.5-flash')).toBe('hello')
  expect(asked).toMatchObject([
    {
      path: '/v1/projects/my-project/locations/europe-west4/publishers/google/models/gemini-2.5-flash:generateContent',
      authorization: 'Bearer static',
      body: { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] },
    },
  ])
})

test('asks Claude below its own publisher, with the version in the body and the model out of it', async () => {
  expect(await say({ access_token: 'static' }, 'claude-haiku-4-5@20251001')).toBe('hello')
  const [{ path, body } = { path: '', body: {} }] = asked
  expect(decodeURIComponent(path)).toBe(
    '/v1/projects/my-project/locations/europe-west4/publishers/anthropic/models/claude-haiku-4-5@20251001:rawPredict',
  )
  expect(body).toMatchObject({ anthropic_version: 'vertex-2023-10-16', max_tokens: expect.any(Number) as number })
  expect(body).not.toHaveProperty('model')
})

test('counts tokens of both', async () => {
  const made = await provider({ access_token: 'static' })
  expect(await made.countTokens?.(asking('gemini-2.5-flash'), context())).toMatchObject({ inputTokens: 12 })
  expect(await made.countTokens?.(asking('claude-haiku-4-5'), context())).toMatchObject({ inputTokens: 13 })
  expect(asked.map(({ path }) => path.split('/models/')[1])).toEqual([
    'gemini-2.5-flash:countTokens',
    'count-tokens:rawPredict',
  ])
})

test('fetches a token for a service account, and keeps it', async () => {
  const credentials = {
    type: 'service_account',
    client_email: 'robot@my-project.iam.example',
    private_key: privateKey,
  }
  const made = await provider({ credentials, token_url: `${baseUrl}/token` })
  for (let call = 0; call < 3; call++) {
    const events = made.chat?.(asking('gemini-2.5-flash'), context()) as Parameters<typeof collect>[0]
    await collect(events)
  }
  expect(asked.map(({ authorization }) => authorization)).toEqual(Array(3).fill('Bearer fresh'))
  expect(tokens).toHaveLength(1)
})

test('says that the credential is at fault when no token is to be had, and asks nothing', async () => {
  tokenStatus = 400
  const credentials = {
    type: 'service_account',
    client_email: 'robot@my-project.iam.example',
    private_key: privateKey,
  }
  const failed = await say({ credentials, token_url: `${baseUrl}/token` }, 'gemini-2.5-flash').catch(
    (error: unknown) => error,
  )
  expect(failed).toBeInstanceOf(GatewayError)
  expect(failed).toMatchObject({ reason: 'provider_credential' })
  expect([asked, tokens.length > 0]).toEqual([[], true])
})

test('refuses a project or location that would lead elsewhere', () => {
  expect(vertex.manifest.settings.safeParse({ project: '../x' }).success).toBe(false)
  expect(vertex.manifest.settings.safeParse({ project: 'x', location: 'a/b' }).success).toBe(false)
})
