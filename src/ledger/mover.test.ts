import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CallRecord } from '../core/contract.ts'
import { fail, type GatewayError } from '../error/index.ts'
import { usage } from '../model/usage.ts'
import type { ContentRow, RequestRow } from '../store/contract.ts'
import { Mover, type MoverOptions } from './mover.ts'
import { encodeContent, encodeRow } from './row.ts'
import { Spool } from './spool.ts'

const nothing = (): undefined => undefined
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
let folder: string
let spool: Spool
let mover: Mover | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-mover-'))
  spool = await Spool.open({ folder, maxBytes: 1 << 30, log })
})

afterEach(async () => {
  await mover?.stop()
  await spool.close()
  rmSync(folder, { recursive: true })
})

function record(id: string): CallRecord {
  return {
    id,
    clientRequestId: '',
    keyId: 'k',
    account: 'acme',
    dialect: 'openai',
    operation: 'chat',
    streaming: false,
    alias: 'm',
    provider: 'up',
    model: 'm',
    vendor: 'v',
    modelLabel: 'm',
    attempts: [],
    status: 'ok',
    httpStatus: 200,
    usage: usage({ inputTokens: 1 }),
    finishReasons: ['stop'],
    startedAt: 1,
    duration: 1,
    upstreamRequestId: '',
    requestBytes: 1,
    responseBytes: 1,
  }
}

/** A ledger store that takes each id once, as the contract wants, and refuses what it is told to. */
class Shelf {
  readonly rows = new Map<string, RequestRow>()
  readonly contents: ContentRow[] = []
  readonly refused = new Set<string>()
  down: GatewayError | undefined
  given = 0

  append(rows: readonly RequestRow[], contents: readonly ContentRow[]): Promise<void> {
    this.given += rows.length
    if (this.down !== undefined) return Promise.reject(this.down)
    if (rows.some(({ id }) => this.refused.has(id))) return Promise.reject(fail('internal', 'no such row'))
    for (const row of rows) if (!this.rows.has(row.id)) this.rows.set(row.id, row)
    this.contents.push(...contents)
    return Promise.resolve()
  }
}

function moving(store: Shelf, options: Partial<MoverOptions> = {}): Mover {
  const made = new Mover({ spool, store, log, pauseMs: 5, backOffMs: [5, 20], ...options })
  mover = made
  spool.onChange = () => made.wake()
  made.wake()
  return made
}

async function settle(...ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => spool.settle(0, encodeRow(record(id)), '')))
}

const ids = (count: number, prefix = 'r'): string[] => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

describe('moving', () => {
  test('brings every row to the store and empties the spool', async () => {
    const store = new Shelf()
    let counted = 0
    const made = moving(store, { moved: (rows) => void (counted += rows) })
    await settle(...ids(350))
    await made.flush()
    expect([...store.rows.keys()].toSorted()).toEqual(ids(350).toSorted())
    await spool.drain()
    expect(spool.state).toMatchObject({ waiting: 0 })
    expect(counted).toBe(350)
  })

  test('happens by itself', async () => {
    const store = new Shelf()
    moving(store)
    await settle('a')
    await expect.poll(() => store.rows.size).toBe(1)
  })

  test('brings content along', async () => {
    const store = new Shelf()
    const made = moving(store)
    const content = { request: '{}', response: '[]' }
    await spool.settle(0, encodeRow(record('a')), encodeContent(record('a'), content, 77))
    await made.flush()
    expect(store.contents).toEqual([{ id: 'a', accountId: 'acme', ...content, expires: 77 }])
  })

  test('gives a row again that it does not know to be stored, and it is there once', async () => {
    const store = new Shelf()
    await settle('a', 'b')
    await new Mover({
      spool: { state: spool.state, take: (after, most) => spool.take(after, most), moved: nothing },
      store,
      log,
    }).flush()
    await moving(store).flush()
    expect(store.given).toBe(4)
    expect([...store.rows.keys()]).toEqual(['a', 'b'])
  })
})

describe('a store that is unavailable', () => {
  test('gets everything when it is back', async () => {
    const store = new Shelf()
    store.down = fail('store_unavailable', 'gone')
    const made = moving(store)
    await settle(...ids(250))
    await expect.poll(() => store.given).toBeGreaterThan(300)
    expect(spool.state.waiting).toBe(250)
    store.down = undefined
    await made.flush()
    expect(store.rows.size).toBe(250)
  })

  test('that takes nothing, whatever it says, gets everything when it is back', async () => {
    const store = new Shelf()
    store.down = fail('internal', 'out of order')
    const made = moving(store)
    await settle(...ids(5))
    await expect.poll(() => store.given).toBeGreaterThan(20)
    expect(spool.state).toMatchObject({ waiting: 5, aside: 0 })
    store.down = undefined
    await made.flush()
    expect(store.rows.size).toBe(5)
  })

  test('does not keep a flush from giving up', async () => {
    const store = new Shelf()
    store.down = fail('store_unavailable', 'gone')
    const made = moving(store)
    await settle('a')
    await expect(made.flush(AbortSignal.timeout(30))).rejects.toThrow('timeout')
  })
})

describe('a row that the store refuses', () => {
  test('is put aside, and all others are stored', async () => {
    const store = new Shelf()
    for (const id of ['r7', 'r8', 'r51']) store.refused.add(id)
    const made = moving(store)
    await settle(...ids(100))
    await made.flush()
    expect(store.rows.size).toBe(97)
    await spool.drain()
    expect(spool.state).toMatchObject({ waiting: 0, aside: 3 })
  })

  test('waits, when there is no other row to tell it from a store that is out of order', async () => {
    const store = new Shelf()
    store.refused.add('bad')
    const made = moving(store)
    await settle('bad')
    await expect.poll(() => store.given).toBeGreaterThan(2)
    expect(spool.state).toMatchObject({ waiting: 1, aside: 0 })
    await settle('good')
    await made.flush()
    expect([...store.rows.keys()]).toEqual(['good'])
  })

  test('is put aside when it is no row at all', async () => {
    const store = new Shelf()
    const made = moving(store)
    await spool.settle(0, 'garbage', '')
    await settle('good')
    await made.flush()
    await spool.drain()
    expect([...store.rows.keys()]).toEqual(['good'])
    expect(spool.state).toMatchObject({ waiting: 0, aside: 1 })
  })
})

test('flushing an empty spool is done at once', async () => {
  await moving(new Shelf()).flush()
})
