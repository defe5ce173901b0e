import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { usage } from '../model/usage.ts'
import { openStore } from '../store/open.ts'
import { requestRow } from '../../test/suites/store/rows.ts'
import { rerate } from './rerate.ts'

test('what was unknown because nobody told it is no more known by another price list', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'switchyard-rerate-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true }))
  const location = join(dataDir, 'switchyard.db')
  const unpriced = { vendor: 'openai', costNanoUsd: undefined, priceVersion: '' }
  const untold = requestRow({
    ...unpriced,
    operation: 'generate_images',
    model: 'gpt-image-1',
    usage: usage({ inputTokens: 3, images: 1, estimated: true }),
  })
  const told = { ...untold, id: 'told', usage: usage({ inputTokens: 3, outputTokens: 5, images: 1 }) }
  const text = requestRow({ ...unpriced, model: 'gpt-4o', usage: usage({ inputTokens: 3, estimated: true }) })
  const store = await openStore(location)
  await store.ledger.append([untold, told, text], [])
  await store.close()
  const out = new PassThrough()
  expect(await rerate({ dataDir }, { env: {}, stdout: out, stderr: out } as never)).toBe(0)
  expect(String(out.read())).toBe('3 calls looked at, 2 have another cost now\n')
  const after = await openStore(location)
  expect((await after.ledger.request(untold.id, 'all')).costNanoUsd).toBeUndefined()
  await after.close()
})
