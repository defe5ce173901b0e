import { expect } from 'vitest'
import type { Logger } from '../../src/provider/contract.ts'
import { openPort, type Port, portLimits, type PortLimits, type PortOptions } from '../../src/server/port.ts'
import type { NodeRequest, NodeResponse, PortHandler } from '../../src/server/port.ts'
import { exchange, statuses } from './raw.ts'

/** An open port, what its handler saw and what it logged. Closed at the end of the test that opened it. */
export interface TestEdge extends AsyncDisposable {
  readonly port: Port
  readonly number: number
  /** Targets of the requests that reached the handler. */
  readonly seen: string[]
  readonly logged: string[]
}

/** Opens a port on loopback whose handler notes the request and then does as told; by default it answers "ok". */
export async function openEdge(
  limits: Partial<PortLimits> = {},
  handle: PortHandler = (_, response) => void response.end('ok'),
  tls: Pick<PortOptions, 'tls'> = {},
): Promise<TestEdge> {
  const seen: string[] = []
  const logged: string[] = []
  const note = (_: object, message: string): void => void logged.push(message)
  const log: Logger = { debug: () => undefined, info: note, warn: note, error: note }
  const port = await openPort({
    ...tls,
    host: '127.0.0.1',
    port: 0,
    limits: { ...portLimits, lingerMs: 300, noticeMs: 150, ...limits },
    log,
    handler(request, response) {
      seen.push(request.url ?? '')
      handle(request, response)
    },
  })
  return { port, number: port.port, seen, logged, [Symbol.asyncDispose]: () => port.drain(0) }
}

/** Writes a piece of an answer, whichever the protocol. */
export function write(response: NodeResponse, piece: string): void {
  if ('stream' in response) response.write(piece)
  else response.write(piece)
}

/** Answers "late" once the gate is open. */
export function answerAfter(gate: Promise<void>): PortHandler {
  return (_, response) => void gate.then(() => response.end('late'))
}

/** Leaves HTTP/2 requests without an answer. */
export function answerHttp1Only(request: NodeRequest, response: NodeResponse): void {
  if (request.httpVersionMajor === 1) response.end('ok')
}

/** A request that keeps its connection, and one that ends it. */
export const good = 'GET /good HTTP/1.1\r\nHost: localhost:3000\r\n\r\n'
export const last = 'GET /good HTTP/1.1\r\nHost: localhost:3000\r\nConnection: close\r\n\r\n'

/** Fails unless a sound request is still answered. */
export async function expectAlive(edge: TestEdge): Promise<void> {
  expect(statuses(await exchange(edge.number, last))).toEqual(['200'])
}

/** Hosts from which no URL can be built, or none that everyone reads alike. */
export const badHosts = [
  '',
  'a b',
  '%',
  'x:99999',
  'x:',
  '[::zz',
  '[1:2]',
  'a<b',
  'user@x',
  'x/y',
  '1.2.3.999',
  'a.0x1ffffffff',
]

/** The shape of every refusal made below the dialects. */
export const refusal = { error: { message: expect.any(String) } }
