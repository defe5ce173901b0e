import { gzipSync } from 'node:zlib'
import { exchange } from '../raw.ts'
import { asks, counts } from './asks.ts'
import { inTurn } from './calls.ts'
import { Client } from './client.ts'
import { operations } from './operations.ts'
import type { Stage } from './stage.ts'

const chats = [...asks, ...counts].map((ask) => ask.path('openai/well', false))
const paths = [...new Set([...chats, ...operations.map((ask) => ask.path('openai/well')), '/v1/files', '/v1/batches'])]

/** Asks in every way that no gateway should take, with keys and prompts wherever they may be; some of them unless it is to be thorough. */
export async function knockAtTheEdge(stage: Stage, url: string, key: string, thorough: boolean): Promise<void> {
  const bodies = badBodies(stage, url, key).filter((_step, at) => thorough || at % 4 === 0)
  await inTurn([...bodies, ...badKeys(stage, url), ...badRequests(stage, url, key)], 8)
}

/** Bodies that hold a prompt and are wrong otherwise. */
function badBodies({ evidence, canaries }: Stage, url: string, key: string) {
  const client = new Client(evidence, url)
  const { prompt } = canaries
  const bearer = { authorization: `Bearer ${key}` }
  const bodies: readonly (string | Uint8Array)[] = [
    `{"model":"openai/well","messages":[{"role":"user","content":"${prompt.text}"}`,
    `{"model":"openai/well","messages":[{"role":"user","content":${prompt.text}}]}`,
    `"${prompt.text}`,
    prompt.text,
    `{"model":"openai/well","model":"openai/well","messages":"${prompt.text}"}`,
    `{"model":"openai/well","messages":"${prompt.text}","contents":"${prompt.text}","input":1,"args":"${prompt.text}"}`,
    `{"model":"openai/well","temperature":"${prompt.text}","max_tokens":"${prompt.text}","messages":[]}`,
    `{"${prompt.text}":1}`,
    Buffer.concat([
      Buffer.from(`{"model":"openai/well","messages":[{"content":"${prompt.text}`),
      Buffer.of(0xff, 0xfe),
    ]),
    JSON.stringify({ model: 'openai/well', messages: [{ role: 'user', content: prompt.text.repeat(3000) }] }),
    `${'['.repeat(100)}"${prompt.text}"${']'.repeat(100)}`,
    gzipSync(prompt.text).subarray(0, 20),
    '',
  ]
  // What is wrong with a field may be told with the field, to the caller who sent it.
  const shows = ['prompt']
  return paths.flatMap((path) =>
    bodies.flatMap((body) => [
      () => client.ask(path, { body, headers: bearer, shows }),
      () => client.ask(path, { body, headers: { ...bearer, 'content-encoding': 'gzip' }, shows }),
      () => client.ask(path, { body, headers: { ...bearer, 'content-type': 'application/proto' }, shows }),
    ]),
  )
}

/** Keys that are not known, in every place where a key may be. */
function badKeys({ evidence, canaries }: Stage, url: string) {
  const client = new Client(evidence, url)
  const { wrongKey, prompt } = canaries
  const places: readonly Readonly<Record<string, string>>[] = [
    { authorization: `Bearer ${wrongKey.text}` },
    { authorization: `Basic ${Buffer.from(`user:${wrongKey.text}`).toString('base64')}` },
    { authorization: wrongKey.text },
    { 'x-api-key': wrongKey.text },
    { 'x-goog-api-key': wrongKey.text },
    { cookie: `key=${wrongKey.text}` },
  ]
  const body = { model: 'openai/well', messages: [{ role: 'user', content: prompt.text }] }
  const inQuery = ['', '/nowhere', '/v1/nowhere', '/docs', '/metrics', '/openapi.json', ...paths, '/v1beta/models']
  return [
    ...paths.flatMap((path) => places.map((headers) => () => client.ask(path, { body, headers }))),
    ...['/v1/models', '/api/v1/inference/usage'].flatMap((path) =>
      places.map((headers) => () => client.ask(path, { headers })),
    ),
    ...inQuery.flatMap((path) => {
      const query = `${path}${path.includes('?') ? '&' : '?'}key=${wrongKey.text}`
      return [() => client.ask(query), () => client.ask(query, { body }), () => client.ask(query, { method: 'PUT' })]
    }),
  ]
}

/** Requests that are no HTTP, no JSON, or for nobody. */
function badRequests(stage: Stage, url: string, key: string) {
  const { evidence, canaries } = stage
  const client = new Client(evidence, url)
  const port = Number(new URL(url).port)
  const { prompt } = canaries
  const secret = `authorization: Bearer ${key}\r\nx-prompt: ${prompt.text}`
  const raw = [
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${secret}\r\ncontent-length: x\r\n\r\n${prompt.text}`,
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${secret}\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n`,
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${secret}\r\ntransfer-encoding: chunked\r\n\r\n${prompt.text}\r\n`,
    `POST /v1beta/models/x:generateContent?key=${key} HTTP/1.1\r\nhost: x\r\nbad header: ${key}\r\n\r\n`,
    `GET /v1beta/models?key=${key} HTTP/9.9\r\nhost: x\r\n\r\n`,
    `GET /?key=${key} HTTP/1.1\r\nhost: ${key} ${prompt.text}\r\n\r\n`,
    `GET /v1/models HTTP/1.1\r\nhost: x\r\nhost: y\r\n${secret}\r\n\r\n`,
    `${secret}\r\n\r\n`,
    `GET /${'x'.repeat(70_000)} HTTP/1.1\r\nhost: x\r\n${secret}\r\n\r\n`,
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${secret}\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"${prompt.text}`,
  ]
  const bearer = { authorization: `Bearer ${key}` }
  const methods = ['CreateProvider', 'UpdateProvider', 'SyncModels', 'SetAlias'].map(
    (name) => `RegistryService/${name}`,
  )
  return [
    ...raw.map((text) => async () => evidence.take('answers: to what is no HTTP', await exchange(port, text))),
    ...['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'].flatMap((method) =>
      paths.map((path) => () => client.ask(path, { method, headers: bearer })),
    ),
    ...[...methods, 'InferenceService/Nothing', 'Nothing/At'].flatMap((name) =>
      [`{"apiKey":"${prompt.text}"`, `{"apiKey":["${prompt.text}"]}`, `{"x":"${prompt.text}"}`].map(
        (body) => () => client.ask(`/switchyard.v1.${name}`, { body, headers: bearer, shows: ['prompt'] }),
      ),
    ),
  ]
}
