import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { dataDir } from '../data-dir.ts'
import { type FaultyGateway, openGateway } from '../faults/gateway.ts'
import { well } from '../faults/upstream.ts'
import { getJson, saying } from './gateway.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const [older, newer] = ['old', 'new'].map((id) => `${id}:${randomBytes(32).toString('base64')}`)
const key = 'canary-of-a-sealed-key'

function rotate(folder: string, masterKey: string | undefined) {
  const env = { PATH: process.env['PATH'], ...(masterKey !== undefined && { SWITCHYARD_MASTER_KEY: masterKey }) }
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'secrets', 'rotate', '--data-dir', folder], {
    encoding: 'utf8',
    env,
  })
  return { status, stdout: stdout.trim(), stderr: stderr.trim() }
}

/** The status of a call by the provider, and the key that its upstream saw. */
async function call(gateway: FaultyGateway): Promise<[number, string | undefined]> {
  gateway.upstream.answer('m', well)
  const before = gateway.upstream.received().length
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'north/m', messages: saying('Hello') }),
  })
  return [answer.status, gateway.upstream.received()[before]?.headers.authorization]
}

test('a master key is replaced without a provider losing its key', async () => {
  const folder = dataDir()
  const open = (masterKey: string | undefined): Promise<FaultyGateway> =>
    openGateway({ dataDir: folder, env: { SWITCHYARD_MASTER_KEY: masterKey ?? '' } })
  {
    await using gateway = await open(older)
    const body = { name: 'north', type: 'openai', apiKey: key }
    const made = await fetch(`${gateway.url}/api/v1/inference/providers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, baseUrl: gateway.upstream.url }),
    })
    expect(made.status).toBe(201)
    expect(await call(gateway)).toEqual([200, `Bearer ${key}`])
  }

  expect(rotate(folder, undefined)).toEqual({
    status: 1,
    stdout: '',
    stderr: 'switchyard: there is no SWITCHYARD_MASTER_KEY to seal with',
  })
  const without = rotate(folder, newer)
  expect(without.status).toBe(1)
  expect(without.stderr).toMatch(/^switchyard: sealed 0 again .* 1 could not be opened: north: .*master key "old"/)
  const both = `${newer},${older}`
  expect(rotate(folder, both)).toEqual({
    status: 0,
    stdout: 'sealed 1 again with the master key "new"; 0 were already',
    stderr: '',
  })
  expect(rotate(folder, both).stdout).toBe('sealed 0 again with the master key "new"; 1 were already')

  const store = await openStore(join(folder, 'switchyard.db'))
  const [row] = await store.registry.providers()
  await store.close()
  expect(row?.secret).toMatchObject({ kind: 'stored', secret: { keyId: 'new' } })
  expect(JSON.stringify(row)).not.toContain('canary')
  {
    await using gateway = await open(newer)
    const shown = await getJson(`${gateway.url}/api/v1/inference/providers/north`)
    expect(shown.json).toMatchObject({ data: { keySource: 'stored' } })
    expect(shown.json).not.toHaveProperty('data.problem')
  }
  {
    await using gateway = await open(older)
    const shown = await getJson(`${gateway.url}/api/v1/inference/providers/north`)
    expect(shown.json).toMatchObject({ data: { problem: expect.stringContaining('the master key "new"') } })
    expect((await call(gateway))[0]).toBe(502)
  }
})

test('a master key that is none stops the start in one line, and is not repeated', async () => {
  const { status, stderr } = rotate(dataDir(), 'canary-not-a-key')
  expect(status).toBe(1)
  expect(stderr).toBe('switchyard: SWITCHYARD_MASTER_KEY: a key must be 32 bytes as base64 or 64 hex digits')
  await expect(openGateway({ env: { SWITCHYARD_MASTER_KEY: 'canary-not-a-key' } })).rejects.toThrow(
    'SWITCHYARD_MASTER_KEY: a key must be 32 bytes as base64 or 64 hex digits',
  )
})
