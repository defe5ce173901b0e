import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLedger } from '../../src/ledger/ledger.ts'
import { fail } from '../../src/error/index.ts'
import type { RequestRow } from '../../src/store/contract.ts'

const nothing = (): undefined => undefined
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const children: ChildProcess[] = []
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-crash-'))
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

function lines(name: string): string[] {
  const path = join(folder, name)
  return existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : []
}

function begin(point = 'never', times = 0): ChildProcess {
  const child = spawn(
    process.execPath,
    [new URL('./ledger-child.ts', import.meta.url).pathname, folder, point, String(times)],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  children.push(child)
  return child
}

async function crashed(child: ChildProcess): Promise<void> {
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  expect(signal).toBe('SIGKILL')
}

/** What the process knew of its calls. */
interface Notes {
  readonly started: ReadonlySet<string>
  readonly begun: ReadonlySet<string>
  /** With the tokens that were handed over. */
  readonly settling: ReadonlyMap<string, number>
  readonly settled: ReadonlySet<string>
}

function notes(): Notes {
  const words = lines('notes').map((line) => line.split(' '))
  const all = (word: string): Set<string> => new Set(words.filter(([first]) => first === word).map(([, id = '']) => id))
  const settling = words
    .filter(([first]) => first === 'settling')
    .map(([, id = '', tokens]) => [id, Number(tokens)] as const)
  return { started: all('start'), begun: all('begun'), settling: new Map(settling), settled: all('settled') }
}

type Stored = { readonly id: string; readonly inputTokens: number; readonly reason: string }

/** Starts a ledger on what the process left behind, and gives every row of the store: those from before and those from now, each id once. */
async function aftermath(): Promise<ReadonlyMap<string, Stored>> {
  const rows = new Map<string, Stored>()
  const take = (row: Stored): void => void (rows.has(row.id) || rows.set(row.id, row))
  for (const line of lines('store')) take(JSON.parse(line) as Stored)
  const ledger = await openLedger({
    folder: join(folder, 'data'),
    maxSpoolBytes: 1 << 30,
    store: {
      append(given: readonly RequestRow[]) {
        for (const {
          id,
          usage: { inputTokens },
          reason,
        } of given)
          take({ id, inputTokens, reason })
        return Promise.resolve()
      },
      retain: () => Promise.resolve(),
    },
    pricing: { cost: () => undefined },
    keptMs: Infinity,
    contentMs: 1,
    log,
  })
  // What other processes left behind is taken in meanwhile.
  const missing = (): string[] => [...notes().begun].filter((id) => !rows.has(id))
  await expect.poll(missing).toEqual([])
  await ledger.flush()
  expect(ledger.state).toMatchObject({ lost: 0, open: 0 })
  await ledger.close(5000)
  return rows
}

/** No acknowledged call is missing, none is altered, none was made up, and every call that was let through has a row. */
function expectAgreement(rows: ReadonlyMap<string, Stored>): void {
  const { started, begun, settling, settled } = notes()
  expect([...settled].filter((id) => rows.get(id)?.inputTokens !== settling.get(id))).toEqual([])
  expect([...begun].filter((id) => !rows.has(id))).toEqual([])
  expect([...rows.keys()].filter((id) => !started.has(id))).toEqual([])
  const lost = [...rows.values()].filter(({ reason }) => reason === 'gateway_lost')
  expect(lost.filter(({ id, inputTokens }) => settled.has(id) || inputTokens !== 1)).toEqual([])
}

describe('a process that is killed', () => {
  test.each([
    ['when intents have become durable', 'begun', 300],
    ['when a settlement was handed over', 'settling', 300],
    ['when a settlement has become durable', 'settled', 300],
    ['when something was written', 'committed', 40],
    ['when the store has rows that are still in the spool', 'stored', 3],
    ['when rows have left the spool', 'moved', 3],
  ])('%s, loses no call and doubles none', async (_when, point, times) => {
    await crashed(begin(point, times))
    const rows = await aftermath()
    expectAgreement(rows)
    expect(rows.size).toBeGreaterThan(20)
  })

  test('at any moment, again and again, loses no call and doubles none', async () => {
    for (let round = 0; round < 4; round++) {
      const child = begin()
      const ready = (): number => lines('notes').filter((line) => line === '# ready').length
      await expect.poll(ready).toBe(round + 1)
      await setTimeout(50 + Math.random() * 400)
      const ended = crashed(child)
      child.kill('SIGKILL')
      await ended
    }
    expectAgreement(await aftermath())
  })

  test('beside another one: what it left is taken in by whoever starts next', async () => {
    const [one, other] = [begin(), begin()]
    await expect.poll(() => lines('notes').filter((line) => line === '# ready').length).toBe(2)
    await setTimeout(300)
    const ended = [crashed(one), crashed(other)]
    for (const child of [one, other]) child.kill('SIGKILL')
    await Promise.all(ended)
    const rows = await aftermath()
    expectAgreement(rows)
  })
})

test('a store that is gone when the ledger closes gets its rows from the next one', async () => {
  await crashed(begin('settled', 50))
  const down = await openLedger({
    folder: join(folder, 'data'),
    maxSpoolBytes: 1 << 30,
    store: { append: () => Promise.reject(fail('store_unavailable', 'gone')), retain: () => Promise.resolve() },
    pricing: { cost: () => undefined },
    keptMs: Infinity,
    contentMs: 1,
    log,
  })
  await down.close(50)
  expectAgreement(await aftermath())
})
