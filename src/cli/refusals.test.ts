import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { submitBatch } from './batch.ts'
import { createAccount, createKey, listAccounts } from './keys.ts'
import type { Surroundings } from './surroundings.ts'
import { tail } from './tail.ts'
import { usage } from './usage.ts'

/* What commands say of what makes no sense, in one line, without asking anybody. */

const dataDir = mkdtempSync(join(tmpdir(), 'switchyard-refusals-'))
afterAll(() => rmSync(dataDir, { recursive: true }))

function place(env: Readonly<Record<string, string>> = {}) {
  const said = { out: '', err: '' }
  const stream = (name: 'out' | 'err') => ({ write: (words: string) => ((said[name] += words), true) })
  const surroundings = { env, stdout: stream('out'), stderr: stream('err') } as unknown as Surroundings
  return { said, surroundings }
}

const sums = { by: 'day', format: 'table' }
const never = new AbortController().signal

test('a status that no call ends with is refused, and not waited for', async () => {
  const { said, surroundings } = place()
  expect(await tail({ status: 'failed' }, surroundings, never)).toBe(2)
  expect(said.err).toBe('switchyard: --status: one of ok, error, cancelled\n')
})

test.each(['foo', 'ftp://127.0.0.1', 'localhost:3000'])('%s is no address of a gateway', async (url) => {
  const { said, surroundings } = place()
  expect(await usage({ ...sums, url }, surroundings)).toBe(1)
  expect(said.err).toBe('switchyard: --url, or SWITCHYARD_URL, must be like http://127.0.0.1:3000\n')
})

test.each(['sy_secret\nsecret', 'sy_secrét', 'sy secret'])('a key that is none is not repeated', async (key) => {
  const { said, surroundings } = place({ SWITCHYARD_API_KEY: key })
  expect(await usage(sums, surroundings)).toBe(1)
  expect(said.err).toMatch(/^switchyard: SWITCHYARD_API_KEY holds characters .*\n$/)
  expect(said.err).not.toContain('secr')
})

test('what answers and is no gateway is told, with a hint', async () => {
  const server = createServer((_request, response) => response.writeHead(501).end('not here'))
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const told = async (url: string): Promise<string> => {
    const { said, surroundings } = place()
    expect(await usage({ ...sums, url }, surroundings)).toBe(1)
    return said.err
  }
  const end = ': start one, or name its address with --url\n'
  expect(await told(`http://127.0.0.1:${port}`)).toBe(`switchyard: no gateway answers there (HTTP 501)${end}`)
  expect(await told(`https://127.0.0.1:${port}`)).toBe(`switchyard: no gateway answers there (EPROTO)${end}`)
  expect(await told('http://127.0.0.1:9')).toBe(`switchyard: no gateway answers there (ECONNREFUSED)${end}`)
})

test('a folder is no input of a batch', async () => {
  const { said, surroundings } = place()
  expect(await submitBatch(dataDir, {}, surroundings, never)).toBe(1)
  expect(said.err).toBe(`switchyard: the file ${dataDir} cannot be read\n`)
})

test('names that could not be read again are not stored', async () => {
  const long = 'x'.repeat(600)
  for (const name of ['', long]) expect(await createAccount(name, { dataDir }, place().surroundings)).toBe(1)
  for (const flags of [{ name: long }, { models: `a,${long}` }])
    expect(await createKey({ dataDir, ...flags }, place().surroundings)).toBe(1)
  expect(await createAccount('x'.repeat(128), { dataDir }, place().surroundings)).toBe(0)
  const { said, surroundings } = place()
  expect(await listAccounts({ dataDir }, surroundings)).toBe(0)
  expect(said.out.trimEnd().split('\n').length).toBe(3)
})

test('a key of an account that is not there is refused by the name of the account', async () => {
  const { said, surroundings } = place()
  expect(await createKey({ dataDir, account: 'acc_nobody' }, surroundings)).toBe(1)
  expect(said).toEqual({ out: '', err: 'switchyard: there is no account "acc_nobody"\n' })
})

test('a command whose answer is read only in part ends without a word', async () => {
  const main = join(import.meta.dirname, '../main.ts')
  const child = spawn(process.execPath, [main, 'accounts', 'list', '--data-dir', dataDir], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close') as Promise<[number]>])
  expect([said, code]).toEqual(['', 0])
})

test.skipIf(!existsSync('/dev/full'))('a command whose answer cannot be written says so, and fails', async () => {
  const main = join(import.meta.dirname, '../main.ts')
  const full = openSync('/dev/full', 'w')
  onTestFinished(() => closeSync(full))
  const child = spawn(process.execPath, [main, 'accounts', 'list', '--data-dir', dataDir], {
    stdio: ['ignore', full, 'pipe'],
  })
  const { stderr } = child
  if (stderr === null) throw new Error('there is nothing to read')
  const [said, [code]] = await Promise.all([text(stderr), once(child, 'close') as Promise<[number]>])
  expect(said).toMatch(/^switchyard: the answer cannot be written: .*ENOSPC.*\n$/)
  expect(code).toBe(1)
})
