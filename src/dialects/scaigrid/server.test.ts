import { validateHeaderValue } from 'node:http'
import { expect, test } from 'vitest'
import type { Served } from '../contract.ts'
import { scaigridServer } from './server.ts'

function headersFor(names: Partial<Served>): Readonly<Record<string, string>> {
  const served = { requestId: 'req_xyz', provider: 'acme', model: 'one', alias: 'my/slug', elapsed: () => 1, ...names }
  return scaigridServer.headers?.('req_xyz', served) ?? {}
}

test('names the request in the headers of every answer', () => {
  expect(scaigridServer.headers?.('req_xyz')).toEqual({ 'x-scaigrid-request-id': 'req_xyz' })
})

test('names the model and the backend once they are known', () => {
  expect(headersFor({})).toEqual({
    'x-scaigrid-request-id': 'req_xyz',
    'x-scaigrid-model': 'my/slug',
    'x-scaigrid-backend': 'acme/one',
  })
})

test.each(['line\r\nbreak: 1', 'größe', '模型', '😀', '\ud800'])('makes a header of any name: %j', (alias) => {
  const { 'x-scaigrid-model': value } = headersFor({ alias })
  expect(() => validateHeaderValue('x-scaigrid-model', value ?? '')).not.toThrow()
  expect(decodeURIComponent(value ?? '')).toBe(alias.toWellFormed())
})

test('reads whether a stream is asked for', () => {
  const [route] = scaigridServer.chat
  const value = { model: 'm', messages: [{ role: 'user', content: 'x' }], stream: true }
  const facts = { requestId: 'r', header: () => undefined, query: new URLSearchParams(), params: {} }
  expect(route?.decode({ text: JSON.stringify(value), value }, facts).streaming).toBe(true)
})
