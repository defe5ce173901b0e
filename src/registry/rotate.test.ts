import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Secret } from '../provider/secret.ts'
import type { ProviderRow, SecretSource } from '../store/contract.ts'
import { openStore } from '../store/open.ts'
import { rotateSecrets } from './rotate.ts'
import { Sealer } from './seal.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-rotate-'))
afterAll(() => rmSync(folder, { recursive: true }))

const [older, newer] = ['old', 'new'].map((id) => `${id}:${randomBytes(32).toString('hex')}`)
const both = Sealer.from(`${newer},${older}`)

function row(id: string, secret: SecretSource): ProviderRow {
  const rest = { type: 't', defaultModel: '', baseUrl: '', settings: '{}', created: 1, updated: 1 }
  return { id, name: `n-${id}`, secret, ...rest }
}

const sealed = (id: string, text: string): SecretSource => ({
  kind: 'stored',
  secret: Sealer.from(older).seal(new Secret(text), id),
})

test('seals again what is sealed with an older key, and leaves alone what is not', async () => {
  const store = await openStore(join(folder, 'one.db'))
  const lost = Sealer.from(randomBytes(32).toString('hex')).seal(new Secret('lost'), 'c')
  const rows = [
    row('a', sealed('a', 'k-a')),
    row('b', { kind: 'env', variable: 'B_API_KEY' }),
    row('c', { kind: 'stored', secret: lost }),
    row('d', { kind: 'stored', secret: both.seal(new Secret('k-d'), 'd') }),
  ]
  for (const one of rows) await store.registry.createProvider(one)
  const { failed, ...counts } = await rotateSecrets(store.registry, both)
  expect(counts).toEqual({ resealed: 1, before: 1 })
  expect(failed).toEqual([expect.stringMatching(/^n-c: .* which this gateway does not have$/)])
  const after = new Map((await store.registry.providers()).map((one) => [one.id, one]))
  for (const one of rows.slice(1)) expect(after.get(one.id)).toEqual(one)
  const { secret } = after.get('a') ?? expect.fail()
  expect(secret.kind === 'stored' && both.open(secret.secret, 'a').reveal()).toBe('k-a')
  expect(secret.kind === 'stored' && secret.secret.keyId).toBe('new')
  await store.close()
})

test('does not undo what somebody else changes at the same time', async () => {
  const store = await openStore(join(folder, 'two.db'))
  const ids = Array.from({ length: 20 }, (_, index) => `id-${index}`)
  for (const id of ids) await store.registry.createProvider(row(id, sealed(id, 'before')))
  const change = async (id: string): Promise<string> => {
    const found = (await store.registry.providers()).find((one) => one.id === id) ?? expect.fail()
    const secret: SecretSource = { kind: 'stored', secret: both.seal(new Secret('after'), id) }
    const changed = { ...found, secret, updated: found.updated + 1 }
    return store.registry.updateProvider(changed, found.updated).then(
      () => id,
      () => '',
    )
  }
  const [, , ...changes] = await Promise.all([
    rotateSecrets(store.registry, both),
    rotateSecrets(store.registry, both),
    ...ids.map(change),
  ])
  for (const { id, secret } of await store.registry.providers()) {
    expect(secret.kind === 'stored' && secret.secret.keyId).toBe('new')
    const text = secret.kind === 'stored' ? both.open(secret.secret, id).reveal() : ''
    expect(text).toBe(changes.includes(id) ? 'after' : 'before')
  }
  await store.close()
})
