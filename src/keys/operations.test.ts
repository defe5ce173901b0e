import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, fromJson, toJson } from '@bufbuild/protobuf'
import { expect, onTestFinished, test } from 'vitest'
import {
  CreateKeyRequestSchema,
  CreateKeyResponseSchema,
  ListKeysRequestSchema,
  ListKeysResponseSchema,
} from '#gen/switchyard/v1/key_pb.ts'
import type { Principal } from '../core/contract.ts'
import { openStore } from '../store/open.ts'
import { keyOperations } from './operations.ts'

const admin: Principal = { keyId: 'root', accounts: ['default'], permissions: new Set(['admin']), models: [] }

test('the last moment that can be said may be an expiry, and is told in the answer and in lists', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-keys-'))
  const store = await openStore(join(folder, 'switchyard.db'))
  onTestFinished(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })
  const keys = keyOperations({ store: store.accounts, refresh: async () => {} }, admin)
  const request = fromJson(CreateKeyRequestSchema, { expires: '9999-12-31T23:59:59.999999999Z' })
  const made = toJson(CreateKeyResponseSchema, await keys.createKey(request))
  expect(made).toMatchObject({ key: { expires: '9999-12-31T23:59:59.999Z' } })
  const listed = toJson(ListKeysResponseSchema, await keys.listKeys(create(ListKeysRequestSchema)))
  expect(listed).toMatchObject({ keys: [{ expires: '9999-12-31T23:59:59.999Z' }] })
})
