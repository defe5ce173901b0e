import { describe, expect, test } from 'vitest'
import { toJSONSchema } from 'zod'
import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, type Reason, reasons } from '../error/index.ts'
import { Fold } from '../model/collect.ts'
import * as events from '../model/events.ts'
import { usage } from '../model/usage.ts'
import type { JsonBody, RequestFacts, Served } from './contract.ts'
import { parseBody } from './json.ts'
import { serverDialects } from './servers.ts'

const messages = [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }]

const contents = [{ role: 'user', parts: [{ text: 'Hello' }] }]
const generated = { contents, generationConfig: { stopSequences: ['.'] }, surplus: 1 }

/** A body that every field of matters, for each chat path. */
const bodies: Readonly<Record<string, object>> = {
  '/v1/chat/completions': { model: 'acme/one', messages, stop: ['.'], metadata: { a: 'b' }, surplus: 1 },
  '/api/v1/inference/chat': { model: 'acme/one', messages, stop: ['.'], surplus: 1 },
  '/api/v1/inference/chat/stream': { model: 'acme/one', messages, stop: ['.'], surplus: 1 },
  '/v1/inference/chat': { model: 'acme/one', messages, stop: ['.'], metadata: { a: { b: 1 } }, surplus: 1 },
  '/v1/messages': { model: 'acme/one', max_tokens: 8, messages, stop_sequences: ['.'], surplus: 1 },
  '/v1/responses': { model: 'acme/one', input: [{ role: 'user', content: 'Hello' }], metadata: { a: 'b' }, surplus: 1 },
  '/v1beta/models/*:generateContent': generated,
  '/v1beta/models/*:streamGenerateContent': generated,
  '/v1/models/*:generateContent': generated,
  '/v1/models/*:streamGenerateContent': generated,
}

/** Statuses by which a format's clients know a reason, where they are not those of the common table. */
const departures: Readonly<Record<string, number>> = {
  'anthropic provider_unavailable': 529,
  'anthropic overloaded': 529,
}

const facts: RequestFacts = {
  requestId: 'req-1',
  header: () => undefined,
  query: new URLSearchParams('alt=sse'),
  params: { '*': 'acme/one' },
}
const served: Served = { requestId: 'req-1', provider: 'acme', model: 'one', alias: 'acme/one', elapsed: () => 12.4 }

const spoken = [
  events.started({ id: 'up-1', model: 'one-2026', created: 1_700_000_000n }),
  events.reasoningDelta({ text: 'Hm.' }),
  events.textDelta('Hello'),
  events.toolCallDelta({ index: 0, id: 'c1', name: 'look', argumentsJson: '{}' }),
  events.finished({ reason: FinishReason.TOOL_CALLS, upstreamReason: 'tool_calls' }),
  events.usageEvent(usage({ inputTokens: 3, outputTokens: 2 })),
]

function frozen<Value>(value: Value): Value {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value
  for (const member of Object.values(value)) frozen(member)
  return Object.freeze(value)
}

function bodyFor(path: string, passThrough: boolean): JsonBody {
  return parseBody(JSON.stringify(bodies[path]), passThrough)
}

test('no two dialects have a name or a base path in common', () => {
  const names = serverDialects.map(({ name }) => name)
  const bases = serverDialects.map(({ base }) => base)
  expect([new Set(names).size, new Set(bases).size]).toEqual([names.length, bases.length])
})

describe.each(serverDialects)('the server half of $name', (dialect) => {
  test('has all of its paths below its base, but those that the name of a method tells apart', () => {
    const paths = [...dialect.chat, ...dialect.routes].map(({ path }) => path).filter((path) => !path.includes('*:'))
    const below = (path: string) => path === dialect.base || path.startsWith(`${dialect.base}/`)
    expect([...paths, ...dialect.absent].filter((path) => !below(path))).toEqual([])
  })

  test('does not call a chat absent that it serves', () => {
    const chats = new Set(dialect.chat.map(({ path }) => path))
    expect(dialect.absent.filter((prefix) => chats.has(prefix))).toEqual([])
  })

  test('has schemas that can be documented', () => {
    const schemas = dialect.chat.flatMap(({ request, response }) => [request, response])
    schemas.push(...dialect.routes.map(({ response }) => response))
    for (const schema of schemas) expect(toJSONSchema(schema)).toBeTypeOf('object')
  })

  test.each(Object.keys(reasons) as Reason[])(
    'shows %s as its schema says, with its message and without its cause',
    (reason) => {
      const error = fail(reason, 'the "message"', { cause: new Error('secret') })
      const text = dialect.errorBody(error, 'req-1')
      expect(JSON.stringify(JSON.parse(text))).toContain(JSON.stringify('the "message"'))
      expect(text).not.toContain('secret')
      expect(dialect.error.parse(JSON.parse(text))).toEqual(JSON.parse(text))
      expect(dialect.errorStatus?.(error) ?? error.status).toBe(
        departures[`${dialect.name} ${reason}`] ?? reasons[reason].status,
      )
    },
  )

  describe.each(dialect.chat)('on $path', (route) => {
    const decode = () => route.decode(frozen(bodyFor(route.path, dialect.passThrough)), facts)

    test('reads a body without changing it, and keeps what it has no field for', () => {
      const { request } = decode()
      // Responses have no stop sequences.
      expect(request).toMatchObject({ model: 'acme/one', stop: dialect.name === 'responses' ? [] : ['.'] })
      expect(request.messages[0]?.parts[0]?.kind).toMatchObject({ case: 'text', value: { text: 'Hello' } })
      expect(request.source?.untranslated).toContain('surplus')
      expect(request.source?.body).toContain('"surplus":1')
    })

    test('names the field that is missing', () => {
      // A path that names the model leaves something else to miss.
      const field = route.path.includes('*') ? 'contents' : 'model'
      const missing = expect.objectContaining({ reason: 'invalid_request', message: `${field} is required` })
      expect(() => route.decode(parseBody('{}', dialect.passThrough), facts)).toThrow(missing)
    })

    test('writes a whole answer, as its schema says, without changing it', () => {
      const fold = new Fold()
      fold.add(spoken)
      const text = decode().answer.whole(frozen(fold.response()), served)
      expect(route.response.safeParse(JSON.parse(text)).success).toBe(!route.path.endsWith('/stream'))
    })

    test('writes a stream as complete server-sent events, without changing what it was given', () => {
      const { answer } = decode()
      const said = [...spoken.map((event) => answer.events(frozen([event]), served)), answer.end()].join('')
      const text = said.replaceAll('\r\n', '\n')
      expect(text.endsWith('\n\n')).toBe(true)
      for (const block of text.trimEnd().split('\n\n')) expect(block).toMatch(/^(?:event: \S+\n)?data: .+$/)
    })

    test('writes the same for events that came together as for events that came one by one', () => {
      const together = decode().answer.events(spoken, served)
      const { answer } = decode()
      expect(spoken.map((event) => answer.events([event], served)).join('')).toBe(together)
    })

    test('ends a stream that failed otherwise than one that ended well', () => {
      const { answer } = decode()
      answer.events(spoken.slice(0, 3), served)
      const failed = answer.fail(fail('provider_interrupted', 'the stream ended early'))
      expect(failed).toContain('the stream ended early')
      expect(failed).not.toBe(answer.end())
    })
  })
})
