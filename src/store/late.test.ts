import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { openLate } from './late.ts'
import { openStore } from './open.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-late-'))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('answers that it is not there until it is, and tells whoever watches then', async () => {
  let there = false
  const said: string[] = []
  const store = await openLate('sqlite', {
    open: () => (there ? openStore(join(folder, 'late.db')) : Promise.reject(new Error('not yet'))),
    retryMs: 5,
    failed: () => said.push('failed'),
    opened: () => said.push('opened'),
  })
  const changed = vi.fn<() => void>()
  const end = store.watch(changed, () => {})
  for (const ask of [() => store.registry.providers(), () => store.accounts.allAccounts(), () => store.revision()])
    await expect(ask()).rejects.toMatchObject({ reason: 'store_unavailable' })
  there = true
  await expect.poll(() => changed).toHaveBeenCalled()
  expect(said).toEqual(['failed', 'opened'])
  expect(await store.registry.providers()).toEqual([])
  expect((await store.accounts.allAccounts()).map(({ id }) => id)).toEqual(['default'])
  end()
  await store.close()
})

test('can be closed before it ever was there', async () => {
  const open = vi.fn<() => Promise<never>>(() => Promise.reject(new Error('never')))
  const store = await openLate('postgres', { open, retryMs: 1, failed: () => {}, opened: () => {} })
  await store.close()
  const tries = open.mock.calls.length
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(open.mock.calls.length).toBe(tries)
})
