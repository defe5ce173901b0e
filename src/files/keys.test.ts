import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { reasonOf } from '../../test/suites/store/bed.ts'
import { ownLinkKey } from './keys.ts'

const root = mkdtempSync(join(tmpdir(), 'switchyard-link-keys-'))
afterAll(() => rmSync(root, { recursive: true }))

test('is the same for all who share a folder, made once, and readable by its owner alone', async () => {
  const folder = join(root, 'shared')
  const keys = await Promise.all(Array.from({ length: 8 }, () => ownLinkKey(folder)))
  expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1)
  expect(keys[0]).toHaveLength(32)
  expect(await ownLinkKey(folder)).toEqual(keys[0])
  expect(await ownLinkKey(join(root, 'another'))).not.toEqual(keys[0])
  expect(readdirSync(folder)).toEqual(['media.key'])
  expect(statSync(join(folder, 'media.key')).mode & 0o777).toBe(0o600)
})

test('that is damaged, or cannot be kept, is told', async () => {
  writeFileSync(join(root, 'media.key'), 'abcd')
  expect(await reasonOf(ownLinkKey(root))).toBe('store_unavailable')
  expect(await reasonOf(ownLinkKey(join(root, 'media.key', 'below')))).toBe('store_unavailable')
})
