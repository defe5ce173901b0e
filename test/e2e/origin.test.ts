import { connect } from 'node:http2'
import { get } from 'node:https'
import { get as getPlain } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { originOf } from '../../src/server/origin.ts'
import { openPort, portLimits } from '../../src/server/port.ts'
import { selfSigned } from '../faults/certificate.ts'

const nothing = () => undefined
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** A port that tells its clients where they found it. */
async function openTelling(tls?: ReturnType<typeof selfSigned>) {
  const port = await openPort({
    host: '127.0.0.1',
    port: 0,
    handler: (request, response) => {
      const told = originOf(request) ?? 'unknown'
      // The two kinds of response end alike, but their overloads do not unite.
      ;(response as { end(body: string): unknown }).end(told)
    },
    limits: portLimits,
    log,
    ...(tls !== undefined && { tls }),
  })
  return { number: port.port, [Symbol.asyncDispose]: () => port.drain(0) }
}

async function overHttp1(port: number, host: string, secure: boolean): Promise<string> {
  const options = { port, host: '127.0.0.1', headers: { host, connection: 'close' }, rejectUnauthorized: false }
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const asked = (secure ? get : getPlain)(options, (answer) => void text(answer).then(resolve, reject))
  asked.on('error', reject)
  return await promise
}

async function overHttp2(port: number, host: string, secure: boolean): Promise<string> {
  const session = connect(`${secure ? 'https' : 'http'}://127.0.0.1:${port}`, { rejectUnauthorized: false })
  const told = await text(session.request({ ':authority': host }))
  session.destroy()
  return told
}

test.each([
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
])('is what the client used, over %s with TLS and without', async (_name, ask) => {
  await using plain = await openTelling()
  await using secure = await openTelling(selfSigned())
  expect(await ask(plain.number, 'gateway.example.com:8080', false)).toBe('http://gateway.example.com:8080')
  expect(await ask(secure.number, '[::1]:8443', true)).toBe('https://[::1]:8443')
})
