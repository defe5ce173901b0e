import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { openStore, storeLocation } from './open.ts'

test('the store is where the variable says, or else in the data folder', () => {
  expect(storeLocation({ SWITCHYARD_DATABASE_URL: 'postgres://db/switchyard' }, 'data')).toBe(
    'postgres://db/switchyard',
  )
  expect(storeLocation({ SWITCHYARD_DATABASE_URL: '' }, 'data')).toBe(join('data', 'switchyard.db'))
  expect(storeLocation({}, 'data')).toBe(join('data', 'switchyard.db'))
})

test.each(['mysql://user:hunter2@db/switchyard', 'hunter2', '/var/lib/hunter2.db'])(
  'no file is named by what is no URL of PostgreSQL: %s',
  (url) => {
    const locate = (): string => storeLocation({ SWITCHYARD_DATABASE_URL: url }, 'data')
    expect(locate).toThrow('SWITCHYARD_DATABASE_URL: must be a URL that begins with postgres://')
  },
)

test.each([
  'postgres://user:hunter2@[bad/db',
  'postgres://user:hunter2@127.0.0.1:1/db',
  'postgres://user:hunter2@/db?host=/nowhere',
  'postgres://user:hunter2@127.0.0.1/db?sslmode=verify-full&sslrootcert=/nowhere',
])('a database that is not there is told without its password', async (url) => {
  const error: unknown = await openStore(url).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ reason: 'store_unavailable' })
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2')
})
