import { expect, test } from 'vitest'
import { fail } from '../error/index.ts'
import { conceal, concealId, secretsOf } from './conceal.ts'
import { Secret } from './secret.ts'

const keys = ['plain.key.of.no.known.shape', 'another~key']
const secrets = secretsOf([...keys.map((key, at) => ({ id: `K${at}`, secret: new Secret(key) })), undefined])

test('a key is cut out of the message, and a field that quotes one is left out, with all that was thrown beneath', () => {
  const error = fail('invalid_request', `no ${keys[0]} and no ${keys[1]}, but this`, {
    param: `headers.${keys[0]}`,
    upstream: { status: 400, type: `t ${keys[1]}`, code: 'a_code' },
    retryable: false,
    quotes: true,
    cause: new Error(keys[0]),
  })
  const shown = conceal(secrets, error)
  expect([shown.reason, shown.message]).toEqual(['invalid_request', 'no [credential] and no [credential], but this'])
  expect(shown.details).toEqual({ upstream: { status: 400, code: 'a_code' }, retryable: false, quotes: true })
  expect(shown.cause).toBeUndefined()
})

test('what quotes no key stays as it is', () => {
  const error = fail('rate_limited', 'slow down', { retryAfterSeconds: 3, cause: new Error('x') })
  expect(conceal(secrets, error)).toBe(error)
  expect(concealId(secrets, 'req_123')).toBe('req_123')
})

test('an id that quotes a key is none', () => {
  expect(concealId(secrets, `req_${keys[1]}`)).toBe('')
})
