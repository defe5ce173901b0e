import { AssertionError } from 'node:assert'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { Code, ConnectError } from '@connectrpc/connect'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { fail } from './error.ts'
import { errorSerializers, loggedError, loggedWords } from './logged.ts'

const secret = 'hush-hush-0123456789'

function thrownBy(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

async function failureOf(url: string): Promise<unknown> {
  const asked = request(url).end()
  const [error] = (await once(asked, 'error')) as [Error]
  return error
}

/** Errors of libraries and of the language, each of which quotes what it could not take. */
const quoting: Readonly<Record<string, () => unknown>> = {
  'a parser': () => thrownBy(() => JSON.parse(`{"content": ${secret}}`)),
  'a URL': () => thrownBy(() => new URL(`//user:${secret}@`)),
  headers: () => thrownBy(() => new Headers({ authorization: `Bearer ${secret}\n\u0000` })),
  'an operator': () => thrownBy(() => 'key' in (secret as unknown as object)),
  'a property': () => thrownBy(() => Object.defineProperty(Object.freeze({}), secret, { value: 1 })),
  'a dynamic property': () => thrownBy(() => (undefined as unknown as Record<string, object>)[secret]),
  'a schema': () => thrownBy(() => z.strictObject({}).parse({ [secret]: 1 })),
  'a remote procedure': () => new ConnectError(secret, Code.Internal, { key: secret }),
  'an assertion': () => new AssertionError({ actual: secret, expected: '' }),
  'an error with fields': () => Object.assign(new Error(secret), { config: { headers: { authorization: secret } } }),
  'an error with a code': () => Object.assign(new Error('no'), { code: secret }),
  'an error with a name': () => Object.assign(new Error('no'), { name: secret }),
  'an error whose words look like calls': () => new Error(`no\n    at ${secret} (file:///${secret}.ts:1:1)`),
  'an error beneath': () => fail('provider_error', 'it failed', { cause: new Error(secret) }),
  "the provider's words": () => fail('invalid_request', secret, { quotes: true }),
  'what is no error': () => secret,
}

test.each(Object.entries(quoting))('%s that is quoted by what was thrown is not logged', (_what, make) => {
  const lines: string[] = []
  const log = pino({ serializers: errorSerializers }, { write: (line: string) => void lines.push(line) })
  const thrown = make()
  log.error({ err: thrown instanceof Error ? thrown : loggedError(thrown) }, 'failed')
  expect(lines.join('') + loggedWords(thrown)).not.toContain(secret.slice(0, 9))
})

test('the bytes of a request that could not be read are not logged', async () => {
  const server = createServer()
  const refused = once(server, 'clientError') as Promise<[Error & { rawPacket?: Buffer }]>
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as { port: number }
  connect(port, '127.0.0.1').end(`GET / HTTP/1.1\r\nauthorization: ${secret}\r\nbad header: x\r\n\r\n`)
  const [error] = await refused
  expect(error.rawPacket?.toString()).toContain(secret)
  expect(loggedError(error)).toMatchObject({ code: 'HPE_INVALID_HEADER_TOKEN', message: expect.any(String) })
  expect(JSON.stringify(loggedError(error))).not.toMatch(/hush|104,117,115,104/)
  server.closeAllConnections()
  server.close()
})

test('what helps the operator is logged: our own words, the system’s, and where it was', async () => {
  const refused = await failureOf('http://127.0.0.1:9')
  const error = fail('provider_unreachable', 'the provider could not be reached', { cause: refused })
  expect(loggedError(error)).toMatchObject({
    type: 'GatewayError',
    reason: 'provider_unreachable',
    message: 'the provider could not be reached',
    cause: { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:9' },
  })
  expect(loggedWords(error)).toBe(
    'GatewayError: the provider could not be reached < Error: connect ECONNREFUSED 127.0.0.1:9 (ECONNREFUSED)',
  )
  expect(loggedError(new TypeError('x.y is not a function'))).toMatchObject({
    message: 'x.y is not a function',
    stack: expect.stringMatching(/^at .*logged\.test\.ts:\d+:\d+/),
  })
  expect(loggedWords(new Error(secret))).toMatch(/^Error at .*logged\.test\.ts:\d+:\d+\)?$/)
})

test('of what a database says, the values are left out', () => {
  const words = `invalid input syntax for type json: "${secret}"`
  const refused = Object.assign(new Error(words), { severity: 'ERROR', code: '22P02', detail: secret, where: secret })
  expect(loggedError(refused)).toMatchObject({ message: 'invalid input syntax for type json', code: '22P02' })
  expect(JSON.stringify(loggedError(refused))).not.toContain(secret)
})

test('a chain of causes without an end is cut', () => {
  const error = new Error('one')
  error.cause = error
  expect(loggedWords(error).split(' < ')).toHaveLength(5)
  expect(JSON.stringify(loggedError(error)).match(/"type"/g)).toHaveLength(5)
})
