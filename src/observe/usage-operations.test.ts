import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { expect, onTestFinished, test } from 'vitest'
import { TailRequestsRequestSchema } from '#gen/switchyard/v1/usage_pb.ts'
import type { Principal } from '../core/contract.ts'
import { fail } from '../error/index.ts'
import { openStore } from '../store/open.ts'
import { LiveStats } from './live-stats.ts'
import { usageOperations } from './usage-operations.ts'

const reader: Principal = {
  keyId: 'k1',
  accounts: ['default'],
  permissions: new Set(['requests:read']),
  models: [],
}

test('following the log ends with the key that does', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-tail-'))
  const store = await openStore(join(folder, 'switchyard.db'))
  onTestFinished(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })
  let looks = 0
  const requireStill = (caller: Principal) => {
    looks += 1
    if (caller === reader && looks === 3) throw fail('unauthenticated', 'the API key is not valid')
  }
  const parts = { store: store.ledger, flush: async () => {}, live: new LiveStats(), requireStill }
  const rows = usageOperations(parts, reader).tail(create(TailRequestsRequestSchema), new AbortController().signal)
  await expect(Array.fromAsync(rows)).rejects.toMatchObject({ reason: 'unauthenticated' })
  expect(looks).toBe(3)
})
