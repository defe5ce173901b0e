import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { upstreamScripts } from '../../e2e/sdk-matrix/upstreams.ts'
import { asMap } from '../../wire/case.ts'
import { selfSigned } from '../certificate.ts'
import { behaviours, type Exchange } from './behaviours.ts'
import { askedOf } from './endpoints.ts'

/** What an upstream says of what it should not. */
export interface Words {
  readonly prompt: string
  readonly answer: string
}

/** The words for a request to this path that holds this. */
export type WordsOf = (path: string, body: string) => Words

/** Every vendor's format on one port, each below a name of its own; the model's name chooses what goes wrong. */
export interface BlurtingUpstream {
  readonly url: string
  /** The same, by a certificate that nobody trusts. */
  readonly tlsUrl: string
  /** Everything that it was asked: heads and bodies. */
  readonly received: () => string
  close(): Promise<void>
}

/** Starts it on free ports of 127.0.0.1. */
export async function startBlurtingUpstream(wordsOf: WordsOf): Promise<BlurtingUpstream> {
  const received: string[] = []
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    response.on('error', () => undefined)
    answer(request, response, wordsOf, received).catch(() => response.destroy())
  }
  const [plain, tls] = [createServer(serve), createTlsServer(selfSigned(), serve)]
  for (const server of [plain, tls]) await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${portOf(plain)}`,
    tlsUrl: `https://127.0.0.1:${portOf(tls)}`,
    received: () => received.join('\n'),
    async close() {
      for (const server of [plain, tls]) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    },
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  wordsOf: WordsOf,
  received: string[],
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  const url = request.url ?? ''
  received.push(`${url}\n${JSON.stringify(request.headers)}\n${text}`)
  const [, format = '', path = ''] = /^\/(\w+)(\/.*)$/.exec(url) ?? []
  const isForm = request.headers['content-type']?.startsWith('multipart/') === true
  const body = isForm ? { model: fieldOf(text, 'model') } : text === '' ? {} : (asMap(JSON.parse(text)) ?? {})
  const known = upstreamScripts[format] ?? upstreamScripts['openai']
  if (known === undefined) throw new Error('there is no format')
  const { behaviour, ...asked } = askedOf(known, path, body)
  const exchange: Exchange = {
    ...wordsOf(path, text),
    ...asked,
    key: keyOf(request),
    authority: request.headers.host ?? '',
  }
  if (request.method === 'GET' && !path.includes('/videos/')) return listModels(response, format, exchange)
  await (behaviours[behaviour]?.answer ?? behaviours['404']?.answer)?.(response, exchange)
}

/** A field of a form, where it is. */
function fieldOf(form: string, name: string): string {
  return new RegExp(`name="?${name}"?\\r\\n(?:[^\\r]*\\r\\n)*?\\r\\n([^\\r]*)`).exec(form)?.[1] ?? ''
}

/** A list of models where chat completions are spoken; elsewhere, what goes wrong with it. */
async function listModels(response: ServerResponse, format: string, exchange: Exchange): Promise<void> {
  const wrong = { anthropic: '401', gemini: 'garbage', cohere: 'page', mistral: 'cut', ollama: '500', bedrock: '400' }
  const name = wrong[format as keyof typeof wrong]
  if (name !== undefined) return await behaviours[name]?.answer(response, exchange)
  const data = ['well', 'garbage'].map((id) => ({ id, object: 'model', owned_by: 'somebody' }))
  response.writeHead(200, { 'content-type': 'application/json', 'x-request-id': exchange.key })
  response.end(JSON.stringify({ object: 'list', data }))
}

/** The key as it was shown, wherever that vendor wants it. */
function keyOf({ headers }: IncomingMessage): string {
  const bearer = headers.authorization?.replace(/^Bearer /i, '')
  return String(headers['x-api-key'] ?? headers['x-goog-api-key'] ?? headers['api-key'] ?? bearer ?? 'none')
}
