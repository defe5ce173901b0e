import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { GatewayError } from '../error/index.ts'
import { Secret } from '../provider/secret.ts'
import { Sealer } from './seal.ts'

const one = randomBytes(32)
const two = randomBytes(32)
const secret = new Secret('sk-canary-ü')

function reasonOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof GatewayError) return `${error.reason}: ${error.message}`
    throw error
  }
  return 'no error'
}

test.each([
  ['base64', one.toString('base64')],
  ['base64url', one.toString('base64url')],
  ['hex', one.toString('hex')],
  ['an id and hex', `new:${one.toString('hex')}`],
])('opens what it sealed, with a key as %s', (_, key) => {
  const sealer = Sealer.from(key)
  const sealed = sealer.seal(secret, 'a1b2c3d4')
  expect(sealed.keyId).toBe(sealer.keyId)
  expect(JSON.stringify(sealed)).not.toContain('canary')
  expect(sealer.open(sealed, 'a1b2c3d4').reveal()).toBe('sk-canary-ü')
})

test('seals the same secret in other words each time', () => {
  const sealer = Sealer.from(one.toString('hex'))
  const [first, second] = [sealer.seal(secret, 'a'), sealer.seal(secret, 'a')]
  expect(first.nonce).not.toBe(second.nonce)
  expect(first.sealed).not.toBe(second.sealed)
})

test('names a key without an id by its hash, the same in every spelling', () => {
  expect(Sealer.from(one.toString('hex')).keyId).toBe(Sealer.from(one.toString('base64')).keyId)
  expect(Sealer.from(one.toString('hex')).keyId).not.toBe(Sealer.from(two.toString('hex')).keyId)
})

test('seals with the first key and opens with all', () => {
  const before = Sealer.from(`old:${one.toString('base64')}`).seal(secret, 'a')
  const both = Sealer.from(`new:${two.toString('base64')}, old:${one.toString('base64')}`)
  expect(both.open(before, 'a').reveal()).toBe(secret.reveal())
  expect(both.seal(secret, 'a').keyId).toBe('new')
  const after = Sealer.from(`new:${two.toString('base64')}`)
  expect(reasonOf(() => after.open(before, 'a'))).toMatch(/^provider_credential: .*"old"/)
})

test('does not open a secret in the row of another provider, nor one that was changed', () => {
  const sealer = Sealer.from(one.toString('hex'))
  const sealed = sealer.seal(secret, 'a1b2c3d4')
  const flipped = Buffer.from(sealed.sealed, 'base64url')
  flipped[0] = (flipped[0] ?? 0) ^ 1
  const damaged = [
    { ...sealed, sealed: flipped.toString('base64url') },
    { ...sealed, sealed: '' },
    { ...sealed, sealed: sealed.sealed.slice(0, 8) },
    { ...sealed, nonce: '' },
    { ...sealed, nonce: randomBytes(12).toString('base64url') },
  ]
  expect(reasonOf(() => sealer.open(sealed, '00000000'))).toMatch(/^provider_credential/)
  for (const row of damaged) expect(reasonOf(() => sealer.open(row, 'a1b2c3d4'))).toMatch(/^provider_credential/)
})

test('without a master key nothing is sealed, and the error says what is missing', () => {
  for (const text of [undefined, '', ' ']) {
    const sealer = Sealer.from(text)
    expect(sealer.keyId).toBeUndefined()
    expect(reasonOf(() => sealer.seal(secret, 'a'))).toMatch(/^invalid_request: .*SWITCHYARD_MASTER_KEY/)
  }
})

test.each([
  ['a short key', one.toString('hex').slice(2)],
  ['a long key', `${one.toString('base64')}AAAA`],
  ['words', 'not-a-key'],
  ['a bad id', `a b:${one.toString('hex')}`],
  ['no id', `:${one.toString('hex')}`],
  ['the same id twice', `a:${one.toString('hex')},a:${two.toString('hex')}`],
])('refuses %s without repeating it', (_, text) => {
  const told = reasonOf(() => Sealer.from(text))
  expect(told).toMatch(/^invalid_request: SWITCHYARD_MASTER_KEY: /)
  expect(told).not.toContain(text.slice(-20))
})

test('derives a key for each purpose and master key, the newest first, and the same every time', () => {
  const both = Sealer.from(`new:${two.toString('base64')},old:${one.toString('base64')}`)
  const keys = both.derive('links')
  expect(keys).toEqual([
    ...Sealer.from(two.toString('hex')).derive('links'),
    ...Sealer.from(one.toString('hex')).derive('links'),
  ])
  expect(new Set([...keys, ...both.derive('else'), one, two].map((key) => key.toString('hex'))).size).toBe(6)
  expect(Sealer.from(undefined).derive('links')).toEqual([])
})
