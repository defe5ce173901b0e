import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { asGatewayError } from '../../src/error/index.ts'
import { Spool } from '../../src/ledger/spool.ts'

const nothing = (): undefined => undefined
let folder: string
let spool: Spool
let told: string[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-writer-'))
  told = []
  const tell = (_fields: object, message: string): void => void told.push(message)
  spool = await Spool.open({
    folder,
    maxBytes: 1 << 30,
    log: { debug: nothing, info: tell, warn: tell, error: tell },
    patienceMs: 500,
    writer: new URL('./spool-writer-that-fails.ts', import.meta.url),
  })
})

afterEach(async () => {
  await spool.close()
  rmSync(folder, { recursive: true })
})

const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'fine',
    (error: unknown) => asGatewayError(error).reason,
  )
const texts = async (): Promise<string[]> => (await spool.take(0, 100)).map(({ text }) => text)

test('a writer that ends refuses who waits, is started again, and writes what must not be lost', async () => {
  const [one, other] = [await spool.begin('one'), await spool.begin('other')]
  writeFileSync(join(folder, 'end'), '')
  const waiting = [
    outcome(spool.settle(one, 'row of one', '', () => 'late row of one')),
    outcome(spool.begin('a third')),
  ]
  expect(await Promise.all(waiting)).toEqual(['store_unavailable', 'store_unavailable'])
  expect(await outcome(spool.begin('a fourth'))).toBe('store_unavailable')
  await expect.poll(() => outcome(spool.begin('a fifth'))).toBe('fine')
  await expect.poll(texts).toEqual(['late row of one'])
  // Calls that were open all the time are not taken for those of a process that is no more.
  expect(await outcome(spool.settle(other, 'row of other', ''))).toBe('fine')
  expect(await texts()).toEqual(['late row of one', 'row of other'])
  expect(spool.state).toMatchObject({ lost: 0, open: 1 })
  expect(told).toContain('the spool takes no calls')
  expect(told).toContain('the spool takes calls again')
})

test('a writer that ends is told again what may go, and goes on with the numbers of the one before', async () => {
  for (const name of ['one', 'other']) await spool.settle(await spool.begin(name), `row of ${name}`, '')
  writeFileSync(join(folder, 'end'), '')
  spool.moved(2)
  await expect.poll(() => outcome(spool.begin('a third')), { timeout: 20_000 }).toBe('fine')
  expect(spool.state).toMatchObject({ waiting: 0, last: 2 })
  writeFileSync(join(folder, 'end'), '')
  expect(await outcome(spool.settle(0, 'row of a fourth', ''))).toBe('store_unavailable')
  const row = { place: 3, text: 'row of a fourth', content: '' }
  await expect.poll(() => spool.take(2, 9), { timeout: 20_000 }).toEqual([row])
})

test('a disk that does not answer refuses who waits, and forgets whom it refused when it answers again', async () => {
  const one = await spool.begin('one')
  writeFileSync(join(folder, 'stand still'), '')
  const waiting = [outcome(spool.settle(one, 'row of one', '')), outcome(spool.begin('a second'))]
  expect(await Promise.all(waiting)).toEqual(['store_unavailable', 'store_unavailable'])
  expect(spool.note('refused')).toBe(false)
  await expect.poll(() => outcome(spool.begin('a third'))).toBe('fine')
  await spool.drain()
  expect(await texts()).toEqual(['row of one'])
  expect(spool.state).toMatchObject({ open: 1 })
})
