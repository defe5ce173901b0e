import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { asGatewayError } from '../error/index.ts'
import { Spool, type SpoolOptions } from './spool.ts'
import { SpoolFile } from './spool-file.ts'

const nothing = (): undefined => undefined
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const folders: string[] = []
const spools: Spool[] = []

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'switchyard-spool-'))
  folders.push(made)
  return made
}

async function open(options: Partial<SpoolOptions> = {}): Promise<Spool> {
  const spool = await Spool.open({ folder: options.folder ?? folder(), maxBytes: 1 << 30, log: quiet, ...options })
  spools.push(spool)
  return spool
}

/** Ends a spool as a crash would: what is durable stays, nothing else is written. */
async function close(spool: Spool): Promise<void> {
  spools.splice(spools.indexOf(spool), 1)
  await spool.close()
}

afterEach(async () => {
  for (const spool of spools.splice(0)) await spool.close()
  for (const made of folders.splice(0)) rmSync(made, { recursive: true })
})

const texts = (rows: readonly { text: string }[]): string[] => rows.map(({ text }) => text)
const reasonOf = (error: unknown): string => asGatewayError(error).reason
const failing = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'fine', reasonOf)

describe('a spool', () => {
  test('keeps settlements in the order they came, until they are moved', async () => {
    const spool = await open()
    for (const name of ['a', 'b', 'c']) await spool.settle(await spool.begin(`intent ${name}`), `row ${name}`, '')
    expect(spool.state).toMatchObject({ open: 0, waiting: 3, last: 3 })
    expect(texts(await spool.take(0, 2))).toEqual(['row a', 'row b'])
    expect(texts(await spool.take(1, 9))).toEqual(['row b', 'row c'])
    spool.moved(2)
    expect(texts(await spool.take(0, 9))).toEqual(['row c'])
    expect(spool.state).toMatchObject({ open: 0, waiting: 1, last: 3 })
  })

  test('keeps content beside the row it belongs to', async () => {
    const spool = await open()
    await spool.settle(await spool.begin('intent'), 'row', 'what was said')
    expect(await spool.take(0, 9)).toEqual([expect.objectContaining({ text: 'row', content: 'what was said' })])
  })

  test('gives few settlements at once whose content is long, and one that is longer than all that', async () => {
    const spool = await open()
    const mebibyte = 1024 * 1024
    for (const length of [1, mebibyte, mebibyte, 9 * mebibyte, 1, 1])
      await spool.settle(await spool.begin('intent'), `${length}`, 'x'.repeat(length))
    const first = await spool.take(0, 9)
    expect(texts(first)).toEqual(['1', `${mebibyte}`, `${mebibyte}`, `${9 * mebibyte}`])
    expect(texts(await spool.take(first.at(-1)?.place ?? 0, 9))).toEqual(['1', '1'])
    expect(texts(await spool.take(3, 9))).toEqual([`${9 * mebibyte}`])
    await spool.settle(await spool.begin('intent'), 'after', '')
    expect(spool.state).toMatchObject({ open: 0, waiting: 7 })
  })

  test('writes what is handed over together in one transaction', async () => {
    let commits = 0
    const spool = await open({ committed: () => void commits++ })
    const numbers = await Promise.all(Array.from({ length: 200 }, (_, index) => spool.begin(`intent ${index}`)))
    expect(commits).toBe(1)
    await Promise.all(numbers.map((number) => spool.settle(number, `row ${number}`, '')))
    expect(commits).toBe(2)
    expect(spool.state).toMatchObject({ open: 0, waiting: 200 })
    expect(new Set(numbers).size).toBe(200)
  })

  test('is on disk when it says so: intents that nobody settled are lost ones for the next process', async () => {
    const place = folder()
    const first = await open({ folder: place })
    await first.begin('stays open')
    await first.settle(await first.begin('is settled'), 'row', '')
    await close(first)
    const second = await open({ folder: place })
    expect(second.state).toMatchObject({ open: 0, waiting: 1, lost: 1 })
    expect(texts(await second.take(0, 9))).toEqual(['row'])
    const lost = await second.takeLost(9)
    expect(texts(lost)).toEqual(['stays open'])
    await second.recover(lost[0]?.key ?? 0, 'was lost')
    expect(second.state).toMatchObject({ waiting: 2, lost: 0 })
    expect(texts(await second.take(0, 9))).toEqual(['row', 'was lost'])
  })

  test('takes in a call that nobody announced', async () => {
    const spool = await open()
    expect(spool.note('refused')).toBe(true)
    await spool.drain()
    expect(texts(await spool.take(0, 9))).toEqual(['refused'])
  })

  test('puts aside what cannot be moved, and tries it again after the next start', async () => {
    const place = folder()
    const first = await open({ folder: place })
    for (const name of ['a', 'b']) await first.settle(await first.begin(name), `row ${name}`, `content ${name}`)
    first.moved(2, [1])
    await first.drain()
    expect(first.state).toMatchObject({ waiting: 0, aside: 1 })
    await close(first)
    const second = await open({ folder: place })
    expect(second.state).toMatchObject({ waiting: 1, aside: 0 })
    expect(await second.take(0, 9)).toMatchObject([{ text: 'row a', content: 'content a' }])
  })

  test('cannot be read by other users of the machine', async () => {
    const place = join(folder(), 'made', 'here')
    await open({ folder: place })
    expect(statSync(place).mode & 0o777).toBe(0o700)
    for (const name of readdirSync(place)) expect(statSync(join(place, name)).mode & 0o077).toBe(0)
  })

  test('says why it cannot be opened', async () => {
    const file = join(folder(), 'file')
    writeFileSync(file, '')
    expect(await failing(open({ folder: join(file, 'below') }))).toBe('store_unavailable')
  })

  test('puts a file aside that is no spool any more, and begins anew', async () => {
    const place = folder()
    writeFileSync(join(place, 'spool.db'), 'garbage '.repeat(1000))
    const errors: object[] = []
    const spool = await open({ folder: place, log: { ...quiet, error: (fields) => void errors.push(fields) } })
    await spool.begin('intent')
    expect(errors).toEqual([{ damaged: expect.stringContaining('spool.db.damaged-') as string }])
    expect(readdirSync(place).filter((name) => name.includes('damaged'))).toHaveLength(1)
  })
})

describe('beside another process', () => {
  test('a second one takes a spool of its own', async () => {
    const place = folder()
    const [first, second] = [await open({ folder: place }), await open({ folder: place })]
    await first.begin('of the first')
    await second.begin('of the second')
    expect([first.state, second.state]).toMatchObject([
      { open: 1, lost: 0 },
      { open: 1, lost: 0 },
    ])
    expect(readdirSync(place).filter((name) => name.endsWith('.db'))).toEqual(['spool-2.db', 'spool.db'])
  })

  test('takes in all that lies in the spools of processes that are no more', async () => {
    const place = folder()
    const [first, second] = [await open({ folder: place }), await open({ folder: place })]
    const many = Array.from({ length: 450 }, (_, index) => `row ${index}`)
    await Promise.all(many.map((text) => second.settle(0, text, '')))
    await second.begin('left open')
    await close(second)
    await close(first)
    // The first file is now the only process's own, the second one is nobody's.
    const heir = await open({ folder: place })
    await expect.poll(() => heir.state).toMatchObject({ waiting: 450, lost: 1 })
    expect(texts(await heir.take(0, 1000)).toSorted()).toEqual(many.toSorted())
    expect(texts(await heir.takeLost(9))).toEqual(['left open'])
    await close(heir)
    // Nothing is taken in twice.
    expect((await open({ folder: place })).state).toMatchObject({ waiting: 450, lost: 1 })
  })

  test('leaves a row in the old file until it is in the new one', () => {
    const place = folder()
    const { file } = SpoolFile.open(place, 1 << 30)
    file.commit(
      [
        {
          kind: 'changes',
          begun: { numbers: [], texts: [] },
          settled: { numbers: [0], texts: ['row'], contents: [''] },
          forgotten: [],
          aside: [],
          moved: 0,
        },
      ],
      true,
    )
    file.close()
    const again = SpoolFile.open(place, 1 << 30).file
    expect(again.state).toMatchObject({ waiting: 1 })
    again.close()
  })
})

describe('a spool that is full', () => {
  const small = 256 * 1024
  const text = 'x'.repeat(1000)

  async function filled(spool: Spool): Promise<number[]> {
    const begun: number[] = []
    for (;;) {
      try {
        begun.push(await spool.begin(text))
      } catch (error) {
        expect(reasonOf(error)).toBe('store_unavailable')
        return begun
      }
    }
  }

  test('lets no further call begin, has room for those that have, and takes new ones when there is room again', async () => {
    const spool = await open({ maxBytes: small })
    const begun = await filled(spool)
    expect(begun.length).toBeGreaterThan(50)
    for (const number of begun) await spool.settle(number, text, '')
    expect(await failing(spool.begin(text))).toBe('store_unavailable')
    expect(spool.note(text)).toBe(false)
    expect(spool.state.bytes).toBeLessThanOrEqual(small)
    const rows = await spool.take(0, 1000)
    expect(rows).toHaveLength(begun.length)
    spool.moved(rows.at(-1)?.place ?? 0)
    await spool.drain()
    expect(await failing(spool.begin(text))).toBe('fine')
  })

  test('makes room by what has been moved, whatever else does not fit', async () => {
    const spool = await open({ maxBytes: small })
    const [large = 0, ...begun] = await filled(spool)
    for (const number of begun) await spool.settle(number, text, '')
    const rows = await spool.take(0, 1000)
    // Handed over together, as it happens when a settlement is tried again while rows are moved.
    const outcome = failing(spool.settle(large, 'row', 'x'.repeat(2 * small)))
    spool.moved(rows.at(-1)?.place ?? 0)
    expect(await outcome).toBe('store_unavailable')
    expect(await spool.take(0, 1000)).toEqual([])
    expect(await failing(spool.begin(text))).toBe('fine')
  })

  test('keeps settlements that have no room at all, refuses to vouch for them, and writes them when there is room', async () => {
    const spool = await open({ maxBytes: small })
    const begun = await filled(spool)
    const outcomes = await Promise.all(
      begun.map((number) => failing(spool.settle(number, `row ${number}`, 'x'.repeat(4000), () => `late ${number}`))),
    )
    expect(new Set(outcomes)).toEqual(new Set(['store_unavailable']))
    const stored: string[] = []
    const move = async (): Promise<number> => {
      const rows = await spool.take(0, 1000)
      stored.push(...texts(rows))
      spool.moved(rows.at(-1)?.place ?? 0)
      await spool.drain()
      return stored.length
    }
    await expect.poll(move).toBe(begun.length)
    expect(stored.toSorted()).toEqual(begun.map((number) => `late ${number}`).toSorted())
  })
})

test('closing lets go of the file', async () => {
  const place = folder()
  await close(await open({ folder: place }))
  expect(existsSync(join(place, 'spool.db'))).toBe(true)
  const again = await open({ folder: place })
  await again.begin('x')
  expect(readdirSync(place).filter((name) => name.endsWith('.db'))).toEqual(['spool.db'])
})
