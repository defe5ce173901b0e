import { expect, test, vi } from 'vitest'
import type { StoreOptions } from '../../../src/store/open.ts'
import { type Bed, reasonOf } from './bed.ts'
import { newBatch } from './batches.ts'
import { keepFile } from './files.ts'
import { keyRow, providerRow, requestRow } from './rows.ts'
import { newVideo } from './videos.ts'

const secret = 'hunter2'

/** Statements that spoil a row, each in its own way. */
const spoiling = [
  `update provider set name = '' where id = 'blank'`,
  `update provider set settings = '{"key": "${secret}"' where id = 'broken'`,
  `update provider set settings = '[1]' where id = 'list'`,
  `update provider set secret = '{"kind":"stored","secret":"${secret}"}' where id = 'secret'`,
  `update provider set settings = '{"x":"${'x'.repeat(2 * 1024 * 1024)}"}' where id = 'large'`,
  `update provider set created = 9223372036854775807 where id = 'late'`,
  `update model set facts = '' where model = 'bad'`,
  `update alias set targets = '[]' where name = 'bad'`,
  `update account set name = '' where id = 'bad'`,
  `update api_key set sha256 = '${secret}' where id = 'bad'`,
  `update api_key set permissions = '{}' where id = 'worse'`,
  `update request set attempts = '${secret}' where id = 'bad'`,
  `update request set status = '' where id = 'worse'`,
  `update batch set metadata = '${secret}' where id = 'bad'`,
  `update batch_line set usage = '[${secret}]' where line = 1`,
  `update stored_file set sha256 = '${secret}' where id = 'bad'`,
  `update video set status = '${secret}' where id = 'bad'`,
]

/** One bad row harms only itself. */
export function poisonSuite({ open, newLocation, execute }: Bed): void {
  test('a row that cannot be read is left out and told, without what is in it, and all others serve', async () => {
    const location = await newLocation()
    const skipped = vi.fn<NonNullable<StoreOptions['skipped']>>()
    const { registry, accounts, ledger, batches, files, videos } = await open(location, { skipped })
    for (const id of ['blank', 'broken', 'list', 'secret', 'large', 'late', 'good'])
      await registry.createProvider(providerRow({ id, name: id }))
    await registry.sawModels(
      'good',
      [
        { model: 'bad', facts: '{}' },
        { model: 'good', facts: '{}' },
      ],
      1,
    )
    for (const name of ['bad', 'good'])
      await registry.setAlias({ name, targets: [{ provider: 'good', model: '', order: 0, weight: 1 }], updated: 1 })
    for (const id of ['bad', 'good']) await accounts.createAccount({ id, name: id, created: 5, logContent: false })
    for (const [index, id] of ['bad', 'worse', 'good'].entries())
      await accounts.createKey(keyRow({ id, sha256: String(index).repeat(64), created: index }))
    const now = Date.now()
    const rows = ['bad', 'worse', 'good'].map((id, index) => requestRow({ id, started: now - index, costNanoUsd: 1n }))
    await ledger.append(rows, [])
    for (const id of ['good', 'bad']) await batches.create(newBatch({ id }))
    const job = await batches.claimJob('one', now, 1)
    const line = { customId: '', method: 'POST', url: '', body: '' }
    await batches.addLines('good', job?.fence ?? -1, [
      { ...line, line: 1 },
      { ...line, line: 2 },
    ])
    for (const id of ['bad', 'good']) await keepFile(files, { id })
    for (const id of ['bad', 'good']) await videos.create({ ...newVideo, id })
    for (const statement of spoiling) await execute(location, statement)

    expect((await registry.providers()).map(({ id }) => id)).toEqual(['good'])
    expect((await registry.models()).map(({ model }) => model)).toEqual(['good'])
    expect((await registry.aliases()).map(({ name }) => name)).toEqual(['good'])
    expect((await accounts.allAccounts()).map(({ id }) => id)).toEqual(['default', 'good'])
    expect((await accounts.usableKeys(1)).map(({ id }) => id)).toEqual(['good'])
    expect((await accounts.keys('all', { limit: 10 })).rows.map(({ id }) => id)).toEqual(['good'])
    expect((await batches.batches(undefined, 'all', { limit: 10 })).rows.map(({ id }) => id)).toEqual(['good'])
    // Of a line, something has to become.
    expect((await batches.lines('good', 0, 10)).map((one) => [one.line, one.state])).toEqual([
      [1, 'failed'],
      [2, 'pending'],
    ])
    // Pages are shorter, and go on behind the bad row.
    const first = await ledger.requests({}, 'all', { limit: 2 })
    expect(first.rows).toEqual([])
    expect((await ledger.requests({}, 'all', { limit: 2, cursor: first.nextCursor })).rows).toEqual([rows[2]])
    const followed = await ledger.follow('0', {}, 'all', 10)
    expect(followed.rows).toEqual([rows[2]])
    expect((await ledger.follow(followed.position, {}, 'all', 10)).rows).toEqual([])
    expect(await reasonOf(ledger.request('bad', 'all'))).toBe('not_found')
    expect((await files.files({}, 'all', { limit: 10 }, 0)).rows.map(({ id }) => id)).toEqual(['good'])
    expect(await reasonOf(files.file('bad', 'all', 0))).toBe('not_found')
    expect((await videos.videos('all', { limit: 10 })).rows.map(({ id }) => id)).toEqual(['good'])
    const rated = await ledger.rerate(0, () => ({ costNanoUsd: 3n, priceVersion: 'new' }))
    expect(rated).toEqual({ looked: 1, changed: 1 })

    const told = skipped.mock.calls.map(([row]) => row)
    expect(new Set(told.map(({ table, id }) => `${table} ${id}`))).toEqual(
      new Set([
        ...['blank', 'broken', 'list', 'secret', 'large', 'late'].map((id) => `provider ${id}`),
        'model good/bad',
        'alias bad',
        'account bad',
        'api_key bad',
        'api_key worse',
        'request bad',
        'request worse',
        'batch bad',
        'batch_line good 1',
        'stored_file bad',
        'video bad',
      ]),
    )
    expect(JSON.stringify(told)).not.toContain(secret)
  })

  test('a bad row is told once, until it changes', async () => {
    const location = await newLocation()
    const skipped = vi.fn<NonNullable<StoreOptions['skipped']>>()
    const { registry } = await open(location, { skipped })
    await registry.createProvider(providerRow({ id: 'bad', name: 'bad' }))
    const told = async (settings?: string): Promise<number> => {
      if (settings !== undefined) await execute(location, `update provider set settings = '${settings}'`)
      skipped.mockClear()
      await registry.providers()
      return skipped.mock.calls.length
    }
    expect([await told(), await told('[1]'), await told(), await told('[2]'), await told()]).toEqual([0, 1, 0, 1, 0])
    expect([await told('{}'), await told('[2]'), await told()]).toEqual([0, 1, 0])
  })

  test('a bad row can be put right by those who can write it', async () => {
    const location = await newLocation()
    const { registry } = await open(location)
    await registry.createProvider(providerRow())
    await execute(location, `update provider set settings = 'nothing'`)
    expect(await registry.providers()).toEqual([])
    await registry.deleteProvider(providerRow().id)
    await registry.createProvider(providerRow())
    expect(await registry.providers()).toEqual([providerRow()])
  })
}
