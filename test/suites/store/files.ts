import { describe, expect, test } from 'vitest'
import type { BegunFile, FileRow, FileStore } from '../../../src/store/contract.ts'
import { type Bed, reasonOf } from './bed.ts'

const sha256 = 'ab'.repeat(32)
const now = 1_000_000

function begun(fields: Partial<BegunFile> = {}): BegunFile {
  return {
    id: 'file-1',
    accountId: 'acme',
    name: '../größe "1".jsonl',
    purpose: 'batch',
    mediaType: 'application/jsonl',
    created: now,
    expires: undefined,
    blob: 'blob-of-1',
    ...fields,
  }
}

/** A file that is there, in the store and as it is to be seen. */
export async function keepFile(files: FileStore, fields: Partial<BegunFile> = {}): Promise<FileRow> {
  const file = begun(fields)
  await files.begin(file)
  await files.complete(file.id, { bytes: 5_000_000_000, sha256 })
  return { ...file, bytes: 5_000_000_000, sha256 }
}

const ids = (rows: readonly FileRow[]): string[] => rows.map(({ id }) => id)

/** What is known of files. */
export function filesSuite({ fresh }: Bed): void {
  describe('files', () => {
    test('are seen from when they are complete until they are removed', async () => {
      const { files } = await fresh()
      const file = begun()
      const seen = async () => [
        await files.file('file-1', 'all', now).then(({ id }) => id, String),
        ids((await files.files({}, 'all', { limit: 10 }, now)).rows),
      ]
      const nothing = ['GatewayError: there is no file of that id', []]
      await files.begin(file)
      expect(await reasonOf(files.begin(file))).toBe('conflict')
      expect(await seen()).toEqual(nothing)
      expect(await reasonOf(files.remove('file-1', 'all', now))).toBe('not_found')
      const whole = { ...file, bytes: 12, sha256 }
      expect(await files.complete('file-1', { bytes: 12, sha256 })).toEqual(whole)
      expect(await files.file('file-1', ['acme'], now)).toEqual(whole)
      expect(await seen()).toEqual(['file-1', ['file-1']])
      expect(await reasonOf(files.complete('file-1', { bytes: 13, sha256 }))).toBe('not_found')
      expect(await files.remove('file-1', ['acme'], now)).toEqual(whole)
      expect(await seen()).toEqual(nothing)
      expect(await reasonOf(files.remove('file-1', 'all', now))).toBe('not_found')
      expect(await reasonOf(files.begin(file))).toBe('conflict')
      await files.forget(['file-1', 'file-none'])
      await files.begin(file)
    })

    test('of another account are what is not there, in the same words', async () => {
      const { files } = await fresh()
      await keepFile(files)
      const asked = async (id: string) => [
        await files.file(id, ['other'], now).catch(String),
        await files.remove(id, ['other'], now).catch(String),
        await files.files({}, ['other'], { limit: 1, after: id }, now).catch(String),
        await files.file(id, [], now).catch(String),
      ]
      expect(await asked('file-1')).toEqual(await asked('file-none'))
      expect((await files.files({}, ['other'], { limit: 10 }, now)).rows).toEqual([])
      expect((await files.file('file-1', ['other', 'acme'], now)).id).toBe('file-1')
    })

    test('are not there any more once their time is over, to the millisecond', async () => {
      const { files } = await fresh()
      await keepFile(files, { expires: now + 10 })
      const far = await keepFile(files, { id: 'file-2', expires: 1e18 })
      expect((await files.file('file-1', 'all', now + 9)).expires).toBe(now + 10)
      for (const asked of [() => files.file('file-1', 'all', now + 10), () => files.remove('file-1', 'all', now + 10)])
        expect(await reasonOf(asked())).toBe('not_found')
      const { rows } = await files.files({}, 'all', { limit: 10 }, now + 10)
      expect(rows).toEqual([{ ...far, expires: Date.parse('9999-12-31T23:59:59.999Z') }])
    })

    test.each(['newest first', 'oldest first'] as const)(
      'are listed %s, page by page and behind one',
      async (order) => {
        const { files } = await fresh()
        for (let index = 0; index < 7; index += 1)
          await keepFile(files, {
            id: `file-${index}`,
            created: now + Math.floor(index / 3),
            purpose: index === 3 ? 'vision' : 'batch',
          })
        await keepFile(files, { id: 'file-x', accountId: 'other' })
        const due = ['file-0', 'file-1', 'file-2', 'file-3', 'file-4', 'file-5', 'file-6']
        if (order === 'newest first') due.reverse()
        const seen: string[] = []
        let cursor: string | undefined
        do {
          const page = await files.files({}, ['acme'], { limit: 3, cursor, order }, now)
          seen.push(...ids(page.rows))
          cursor = page.nextCursor
        } while (cursor !== undefined)
        expect(seen).toEqual(due)
        const behind = await files.files({ purpose: 'batch' }, ['acme'], { limit: 3, after: due[2], order }, now)
        expect([ids(behind.rows), behind.nextCursor]).toEqual([due.slice(4), undefined])
        for (const after of ['file-x', 'file-none', ''])
          expect(await reasonOf(files.files({}, ['acme'], { limit: 3, after, order }, now))).toBe('invalid_request')
        expect(await reasonOf(files.files({}, 'all', { limit: 3, cursor: 'x' }, now))).toBe('invalid_request')
      },
    )

    test('whose bytes are to go are told until they are forgotten', async () => {
      const { files } = await fresh()
      await keepFile(files, { id: 'whole' })
      await keepFile(files, { id: 'later', expires: now + 1 })
      await keepFile(files, { id: 'expired', expires: now, blob: 'b1' })
      await keepFile(files, { id: 'removed', blob: 'b2' })
      await files.remove('removed', 'all', now - 1)
      await files.begin(begun({ id: 'abandoned', created: now - 11, blob: 'b3' }))
      await files.begin(begun({ id: 'underway', created: now - 10 }))
      const left = async (limit = 10) =>
        (await files.leftovers(now, now - 10, limit)).toSorted((one, other) => one.id.localeCompare(other.id))
      expect(await left()).toEqual([
        { id: 'abandoned', blob: 'b3' },
        { id: 'expired', blob: 'b1' },
        { id: 'removed', blob: 'b2' },
      ])
      expect(await left(2)).toHaveLength(2)
      await files.forget(['expired', 'removed'])
      expect(ids((await left()) as FileRow[])).toEqual(['abandoned'])
      await files.forget(['abandoned'])
      await files.forget([])
      expect(await left()).toEqual([])
      expect(ids((await files.files({}, 'all', { limit: 10 }, now)).rows).toSorted()).toEqual(['later', 'whole'])
    })

    test('have no NUL in what they are called', async () => {
      const { files } = await fresh()
      expect(await reasonOf(files.begin(begun({ name: 'a\0b' })))).toBe('invalid_request')
      expect(await reasonOf(files.file('a\0b', 'all', now))).toBe('invalid_request')
    })
  })
}
