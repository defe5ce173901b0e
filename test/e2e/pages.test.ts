import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ask } from '../faults/client.ts'
import { ways } from '../faults/ways.ts'
import { wav } from '../suites/recordings.ts'
import { streamValues } from '../wire/case.ts'
import { bearer, keyEntry, saying, sharedGateway } from './gateway.ts'

const key = bearer('sk-user')
const gateway = await sharedGateway({
  config: {
    keys: [
      keyEntry('user', 'sk-user', {
        permissions: [
          'models:use',
          'providers:read',
          'providers:write',
          'usage:read',
          'requests:read',
          'batches:write',
        ],
      }),
    ],
  },
})
const { url } = gateway

test.each(['/healthz', '/livez', '/readyz'])('%s needs no key and says ok', async (path) => {
  const answer = await fetch(url + path)
  expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }])
})

test('the metrics are in the text format, and count the calls of every dialect', async () => {
  for (const way of ways) await ask(url + way.path(false), way.body('simulator/echo', false), key)
  const answer = await fetch(`${url}/metrics`)
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=/)
  const lines = (await answer.text()).split('\n').filter((line) => line !== '')
  const sample = /^[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="([^"\\]|\\.)*",?)*\})? (-?[\d.]+(e[+-]?\d+)?|NaN|[+-]Inf)$/
  for (const line of lines) if (!line.startsWith('# ')) expect(line).toMatch(sample)
  for (const { name } of ways)
    expect(lines.some((line) => line.includes(`"${name}"`) && / [1-9]/.test(line))).toBe(true)
})

test('a call can be looked up by the id that its client gave it', async () => {
  const body = { model: 'simulator/echo', messages: saying('Hello') }
  await ask(`${url}/v1/chat/completions`, body, { ...key, 'x-request-id': 'logged' })
  const answer = await fetch(`${url}/api/v1/inference/requests/logged`, { headers: key })
  const { data } = (await answer.json()) as { data: object }
  expect(data).toMatchObject({ clientRequestId: 'logged', key: 'user', requestedModel: 'simulator/echo', status: 'ok' })
})

test('the documentation is a page whose parts are all there, and which shows the document', async () => {
  const page = await (await fetch(`${url}/docs/`)).text()
  const parts = [...page.matchAll(/(?:src|href)="(\.[^"]+)"/g)].map(([, part = '']) => new URL(part, `${url}/docs/`))
  expect(parts.length).toBeGreaterThan(2)
  let scripts = ''
  for (const part of parts) {
    const answer = await fetch(part)
    expect([part.pathname, answer.status]).toEqual([part.pathname, 200])
    if (part.pathname.endsWith('initializer.js')) scripts += await answer.text()
  }
  expect(scripts).toContain('/openapi.json')
  expect((await fetch(`${url}/docs`)).status).toBe(200)
})

// ------------------------------------------------------------------------------------------------------- the document

interface Content {
  readonly schema: Readonly<Record<string, unknown>>
}

interface Parameter {
  readonly name: string
  readonly schema: { readonly minimum?: number; readonly maximum?: number }
}

interface Operation {
  readonly parameters: readonly Parameter[]
  /** Absent where a key is needed. */
  readonly security?: readonly object[]
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Content>> }>>
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> }
}

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> }
}

describe('the OpenAPI document', () => {
  let document: Document
  beforeAll(async () => {
    document = (await (await fetch(`${url}/openapi.json`)).json()) as Document
  })

  /** What a body has to be, by the document. */
  function schemaOf(schema: Readonly<Record<string, unknown>>): z.ZodType {
    const whole = JSON.stringify({ ...schema, $defs: document.components.schemas })
    return z.fromJSONSchema(
      JSON.parse(whole.replaceAll('#/components/schemas/', '#/$defs/')) as z.core.JSONSchema.JSONSchema,
    )
  }

  /** The operations of the dialects. */
  const operations = (): { path: string; method: string; operation: Operation }[] =>
    Object.entries(document.paths)
      .filter(([path]) => !path.startsWith('/switchyard.v1.'))
      .flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
      )
      .filter(({ operation }) => operation.security === undefined)

  const values: Readonly<Record<string, string>> = { path: 'simulator/echo', idOrName: 'made', id: 'logged' }
  let inputId = ''
  let batchId = ''
  /** The path, leading to something that is there: a file may have been removed since it was last asked for. */
  const real = async (path: string): Promise<string> => {
    const isBatch = /\/batch(?:es)?\/\{id\}/.test(path)
    const id = path.startsWith('/v1/files/{id}')
      ? await made(upload())
      : path.startsWith('/v1/videos/')
        ? await video()
        : isBatch
          ? batchId
          : values['id']
    return path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => (name === 'id' ? id : values[name]) ?? name)
  }
  const upload = (): RequestInit => {
    const form = new FormData()
    form.append('purpose', 'batch')
    form.append('file', new Blob(['"bytes"'], { type: 'application/octet-stream' }), 'a')
    return { method: 'POST', headers: key, body: form }
  }
  /** The id of what a request makes. */
  const made = async (request: RequestInit, path = '/v1/files'): Promise<string> =>
    ((await (await fetch(url + path, request)).json()) as { readonly id: string }).id
  /** The id of a video that is there: it may have been removed since it was last asked for. */
  const video = async (): Promise<string> => {
    const id = await made(send('POST', body('/v1/videos')), '/v1/videos')
    const status = async (): Promise<string> => {
      const answer = await fetch(`${url}/v1/videos/${id}`, { headers: key })
      return ((await answer.json()) as { readonly status: string }).status
    }
    await expect.poll(status).toBe('completed')
    return id
  }
  const body = (path: string): object => {
    if (/\/videos(?:\/generations)?$/.test(path)) return { model: 'simulator/echo', prompt: 'A square' }
    if (path.startsWith('/v5')) return { model: 'simulator/echo', args: { messages: saying('Hello') } }
    if (path.startsWith('/v1/responses')) return { model: 'simulator/echo', input: 'Hello' }
    if (path.endsWith(':embedContent')) return inGemini('Hello')
    if (path.endsWith(':batchEmbedContents')) return { requests: ['Hello', 'there'].map(inGemini) }
    if (/\/embed(?:dings)?$/.test(path)) return { model: 'simulator/echo', input: 'Hello' }
    if (path === '/v1/completions' || path.endsWith('/generate')) return { model: 'simulator/echo', prompt: 'Hello' }
    if (path.includes('{path}:')) return { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] }
    if (path === '/v1/batches')
      return { input_file_id: inputId, endpoint: '/v1/chat/completions', completion_window: '24h' }
    if (path === '/v1/inference/batch') return { input_file_url: `file:${inputId}` }
    if (path.endsWith('/providers')) return { name: `made-${count++}`, type: 'simulator' }
    if (path.includes('/providers/')) return { defaultModel: 'lorem' }
    if (path.endsWith('/transcribe') && !path.includes('/audio/'))
      return { model: 'simulator/echo', audio: wav(1).toString('base64') }
    if (path.includes('/images')) return { model: 'simulator/echo', prompt: 'A square', size: '8x8' }
    if (/\/audio\/(?:speech|synthesize)$/.test(path)) return { model: 'simulator/echo', input: 'Hi', voice: 'alloy' }
    if (path.endsWith('/sync')) return { provider: 'simulator' }
    return { model: 'simulator/echo', messages: saying('Hello'), max_tokens: 100 }
  }
  const inGemini = (text: string): object => ({ model: 'models/any', content: { parts: [{ text }] } })
  let count = 0
  const send = (method: string, value: object): RequestInit => ({
    method,
    headers: { ...key, 'content-type': 'application/json' },
    ...(method !== 'DELETE' && { body: JSON.stringify(value) }),
  })
  /** The same with a recording, for paths that read forms alone. */
  const sendForm = (): RequestInit => {
    const form = new FormData()
    form.append('model', 'simulator/echo')
    form.append('file', new File([wav(1)], 'talk.wav'))
    return { method: 'POST', headers: key, body: form }
  }
  const asked = (path: string, method: string, { requestBody }: Operation): RequestInit => {
    if (method === 'GET') return { headers: key }
    const isForm = requestBody !== undefined && requestBody.content['application/json'] === undefined
    if (isForm) return path === '/v1/files' ? upload() : sendForm()
    return send(method, body(path))
  }
  beforeAll(async () => {
    const provider = { name: values['idOrName'], type: 'simulator' }
    await fetch(`${url}/api/v1/inference/providers`, send('POST', provider))
    inputId = await made(upload())
    batchId = await made(send('POST', body('/v1/batches')), '/v1/batches')
  })

  test('is of this gateway', () => {
    expect(document.openapi).toMatch(/^3\.1\./)
    expect(operations().length).toBeGreaterThanOrEqual(10)
  })

  test('has the limits of listings that are kept to', async () => {
    const limits = operations().flatMap(({ path, operation }) =>
      operation.parameters.flatMap(({ name, schema: { minimum = 0, maximum = 0 } }) =>
        name === 'limit' ? [{ path, minimum, maximum }] : [],
      ),
    )
    expect(limits.length).toBeGreaterThan(4)
    for (const { path, minimum, maximum } of limits) {
      const codes = [minimum - 1, minimum, maximum, maximum + 1].map(
        async (limit) => (await fetch(`${url}${path}?limit=${limit}`, { headers: key })).status,
      )
      expect([path, ...(await Promise.all(codes))]).toEqual([path, 400, 200, 200, 400])
    }
  })

  test('has no path that is not there, and knows who must be asked for a key', async () => {
    for (const { path, method, operation } of operations()) {
      const open = await fetch(url + (await real(path)), { method })
      expect([path, open.status]).toEqual([path, 401])
      // It has no body to be of another type, and what it does is done once.
      if (method !== 'GET' && operation.requestBody === undefined) continue
      const answer = await fetch(url + (await real(path)), { method, headers: key })
      expect([path, answer.status]).toEqual([path, method === 'GET' ? 200 : 415])
    }
    for (const [path, methods] of Object.entries(document.paths)) {
      if (methods['get']?.security !== undefined) continue
      const headers = { ...key, 'content-type': 'application/json' }
      const sent = 'post' in methods ? { method: 'POST', headers, body: '{}' } : { headers }
      const answer = await fetch(url + (await real(path)), sent)
      expect([path, answer.status]).not.toEqual([path, 404])
    }
  })

  test('says what is answered, and in which form', async () => {
    const wrong = { object: 0, type: 0, data: 0, candidates: 0, totalTokens: '', models: 0, name: 0, input_tokens: '' }
    for (const { path, method, operation } of operations()) {
      const [[good, { content = {} }] = ['', {}]] = Object.entries(operation.responses)
      const answer = await fetch(url + (await real(path)), asked(path, method, operation))
      const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
      const schema = schemaOf((content['application/json'] ?? content[type])?.schema ?? {})
      expect([path, answer.status, Object.keys(content).includes(type)]).toEqual([path, Number(good), true])
      if (/^(?:audio|video)\//.test(type)) {
        expect([path, (await answer.arrayBuffer()).byteLength > 100]).toEqual([path, true])
        continue
      }
      const text = await answer.text()
      const told =
        type === 'text/event-stream' ? streamValues(text).map(({ value }) => value) : [JSON.parse(text)].flat()
      expect(schema.safeParse(wrong).success).toBe(false)
      for (const value of told) expect([path, schema.safeParse(value).error]).toEqual([path, undefined])
    }
  })

  test('says what may be asked', async () => {
    for (const { path, operation } of operations()) {
      const schema = operation.requestBody?.content['application/json']?.schema
      if (schema === undefined) continue
      expect([path, schemaOf(schema).safeParse(body(path)).error]).toEqual([path, undefined])
      const wrong = path.includes('{path}:')
        ? { contents: 7 }
        : { ...body(path), model: 7, defaultModel: 7, provider: 7, input_file_id: 7, input_file_url: 7 }
      expect([path, schemaOf(schema).safeParse(wrong).success]).toEqual([path, false])
    }
  })
})
