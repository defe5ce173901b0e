import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { createEgress } from '../provider/egress.ts'
import { Sealer } from '../registry/seal.ts'
import { openStore } from '../store/open.ts'
import { filesOf } from './files.ts'
import { loadConfig } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-filesof-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ['sqlite', undefined, undefined, 0],
  ['postgres', undefined, undefined, 2],
  ['postgres', undefined, 'ab'.repeat(32), 1],
  ['postgres', join(folder, 'shared'), 'ab'.repeat(32), 0],
] as const)('on %s with the folder %s and the master key %s warns %i times', async (engine, shared, key, times) => {
  const store = await openStore(join(folder, 'switchyard.db'))
  const egress = createEgress({ connectTimeoutMs: 1 })
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const config = loadConfig({ env: {}, flags: { dataDir: folder } })
  const files = await filesOf({
    config: { ...config, media: { ...config.media, folder: shared } },
    env: {},
    egress,
    store: { engine, files: store.files },
    sealer: Sealer.from(key),
    log,
  })
  expect(log.warn).toHaveBeenCalledTimes(times)
  await files.close()
  await egress.close()
  await store.close()
})
