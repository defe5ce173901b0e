import { expect, test } from 'vitest'
import { parseBody } from '../json.ts'
import { sgpServer } from './server.ts'

function account(header: string | undefined): unknown {
  const body = parseBody('{"model":"acme/one","args":{"messages":[{"role":"user","content":"x"}]}}', false)
  const facts = {
    requestId: 'req-1',
    header: (name: string) => (name === 'x-selected-account-id' ? header : undefined),
    query: new URLSearchParams(),
    params: {},
  }
  return sgpServer.operations?.[0]?.decode(body, facts).account
}

test('acts for the account that the header selects', () => {
  expect(account('acc-1')).toBe('acc-1')
})

test.each([undefined, ''])('acts for no account in particular when the header is %j', (header) => {
  expect(account(header)).toBeUndefined()
})
