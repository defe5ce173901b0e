import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import { openStore } from '../store/open.ts'
import type { StoreFlags } from './on-store.ts'
import { backup, migrate, restore } from './store.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-upkeep-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs a command as on a command line, and gives what it wrote and its exit code. */
async function run(
  command: (flags: StoreFlags, process: never) => Promise<number>,
  dataDir: string,
  env: Record<string, string> = {},
): Promise<{ readonly code: number; readonly said: string }> {
  const out = new PassThrough()
  const code = await command({ dataDir: join(folder, dataDir) }, { env, stdout: out, stderr: out } as never)
  out.end()
  return { code, said: await text(out) }
}

test('a store is made, copied and restored elsewhere by commands', async () => {
  const file = join(folder, 'copy')
  const made = await run(migrate, 'one')
  expect(made.code).toBe(0)
  expect(made.said).toContain('001-registry')
  expect(await run(migrate, 'one')).toEqual({ code: 0, said: 'the store is up to date\n' })
  const store = await openStore(join(folder, 'one', 'switchyard.db'))
  await store.accounts.createAccount({ id: 'acme', name: 'Acme', created: 1, logContent: false })
  await store.close()

  expect(await run((flags, process) => backup(file, flags, process), 'one')).toEqual({
    code: 0,
    said: `the store is in ${file}\n`,
  })
  expect(await run((flags, process) => backup(file, flags, process), 'one')).toEqual({
    code: 1,
    said: `switchyard: the file ${file} exists already\n`,
  })
  const restored = await run((flags, process) => restore(file, flags, process), 'two')
  expect(restored).toEqual({ code: 0, said: `read 4 rows of ${file}\n` })
  const copy = await openStore(join(folder, 'two', 'switchyard.db'))
  expect((await copy.accounts.allAccounts()).map(({ id }) => id)).toEqual(['default', 'acme'])
  await copy.close()
  const twice = await run((flags, process) => restore(file, flags, process), 'two')
  expect(twice).toEqual({
    code: 1,
    said: 'switchyard: there is something in the store already: restore into a new one\n',
  })
})

test('a database that is not there is told without its password', async () => {
  const env = { SWITCHYARD_DATABASE_URL: 'postgres://someone:hunter2@127.0.0.1:1/none' }
  const { code, said } = await run(migrate, 'three', env)
  expect(code).toBe(1)
  expect(said).toBe('switchyard: the database cannot be reached or did not answer in time\n')
})

test('a file that is no database is told apart from a database that does not answer', async () => {
  mkdirSync(join(folder, 'damaged'))
  const path = join(folder, 'damaged', 'switchyard.db')
  writeFileSync(path, 'no database')
  const { code, said } = await run(migrate, 'damaged')
  expect([code, said]).toEqual([
    1,
    `switchyard: the file ${path} is no SQLite database: it is damaged, or something else\n`,
  ])
})

test('a store that is not there is not made by a backup of it', async () => {
  const file = join(folder, 'nothing')
  const { code, said } = await run((flags, process) => backup(file, flags, process), 'missing')
  expect([code, said]).toEqual([
    1,
    expect.stringContaining(`there is no store ${join(folder, 'missing', 'switchyard.db')}`),
  ])
  expect([existsSync(file), existsSync(join(folder, 'missing'))]).toEqual([false, false])
})
