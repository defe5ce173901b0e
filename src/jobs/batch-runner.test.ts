import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { requestRow } from '../../test/suites/store/rows.ts'
import { fail } from '../error/index.ts'
import { openFolderBlobs } from '../store/blobs/folder.ts'
import type { BatchRow, ClaimedLine, NewBatch, RequestRow, Store } from '../store/contract.ts'
import { openStore } from '../store/open.ts'
import { Vault } from '../store/vault.ts'
import { BatchRunner } from './batch-runner.ts'
import type { BatchSettings, HeldLedger, Places, Tried } from './contract.ts'

/* On a real store and real files. What a line is answered is the test's to say. */

let folder: string
let store: Store
let vault: Vault
const stops: (() => Promise<void>)[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-batches-'))
  store = await openStore(join(folder, 'switchyard.db'))
  const blobs = await openFolderBlobs(join(folder, 'files'))
  vault = new Vault({ files: store.files, blobs, maxBytes: 1 << 30, keptMs: Infinity })
})
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
  await store.close()
  rmSync(folder, { recursive: true })
})

const settings: BatchSettings = {
  lines: 4,
  perBatch: 100,
  perProvider: 100,
  leaseMs: 10_000,
  pollMs: 20,
  windowMs: 86_400_000,
  keptMs: Infinity,
  mostLines: 100,
  mostBytes: 100_000,
  mostLineBytes: 1000,
  tries: 3,
  backOffMs: [1, 4],
}

const nowhere: Places = {
  checkInput: () => undefined,
  checkOutput: () => undefined,
  // oxlint-disable-next-line require-yield
  async *read() {
    throw fail('invalid_request', 'the URL does not lead to a public address')
  },
  write: () => Promise.resolve(),
}

const nothing = (): undefined => undefined
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** A ledger whose row is there, and which notes where it went. */
function held(row: RequestRow, went: string[]): HeldLedger {
  return {
    row,
    content: undefined,
    begin: () => Promise.resolve(1),
    settle: () => Promise.resolve(),
    note: nothing,
    taken: () => void went.push(`taken ${row.id}`),
    passOn: () => Promise.resolve(void went.push(`passed on ${row.id}`)),
  }
}

function answered(line: ClaimedLine, went: string[] = [], httpStatus = 200): Tried {
  const row = requestRow({
    accountId: line.batch.accountId,
    costNanoUsd: 1n,
    usage: { ...requestRow().usage, inputTokens: 10 },
  })
  const body = JSON.stringify({ asked: JSON.parse(line.body) as unknown }, undefined, 2)
  return {
    outcome: { httpStatus, requestId: row.id, body, dropped: line.customId === 'b' ? ['body.x'] : [] },
    ledger: held(row, went),
  }
}

function start(
  run: (line: ClaimedLine, signal: AbortSignal) => Promise<Tried>,
  change: Partial<BatchSettings> = {},
  places: Places = nowhere,
) {
  const outcomes: string[] = []
  const runner = BatchRunner.start({
    store: store.batches,
    files: vault,
    places,
    refusal: (method, url) => (url === '/v1/x' ? undefined : { code: 'invalid_url', message: method }),
    runner: { run },
    settings: { ...settings, ...change },
    log,
    watch: { tried: (outcome) => void outcomes.push(outcome) },
  })
  const stop = (): Promise<void> => runner.stop(AbortSignal.abort())
  stops.push(stop)
  return { runner, stop, outcomes }
}

async function* bytesOf(said: string): AsyncGenerator<Uint8Array, void, void> {
  yield Buffer.from(said)
}

const line = (id: string, url = '/v1/x'): string =>
  `{"custom_id":"${id}","method":"POST","url":"${url}","body":{"id":"${id}"}}\n`

let batches = 0
async function submit(input: string, fields: Partial<NewBatch> = {}): Promise<string> {
  const { id: file } = await vault.keep(
    'acme',
    { name: 'in', purpose: 'batch', mediaType: 'text/plain' },
    bytesOf(input),
  )
  const id = `batch_${(batches += 1)}`
  const now = Date.now()
  await store.batches.create({
    id,
    accountId: 'acme',
    keyId: '',
    dialect: 'openai',
    input: file,
    endpoint: '',
    completionWindow: '24h',
    metadata: {},
    outputPrefix: '',
    created: now,
    expires: now + 60_000,
    ...fields,
  })
  return id
}

async function reached(id: string, status: BatchRow['status']): Promise<BatchRow> {
  await expect.poll(async () => (await store.batches.batch(id, 'all')).status).toBe(status)
  return await store.batches.batch(id, 'all')
}

async function resultsOf(fileId: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const said = await text((await vault.open(fileId, ['acme'])).read())
  return said
    .trimEnd()
    .split('\n')
    .map((one) => JSON.parse(one) as Record<string, unknown>)
}

test('asks every line once, and writes results in their order, what failed beside what is done', async () => {
  const went: string[] = []
  start(async (one) => answered(one, went, one.customId === 'c' ? 400 : 200))
  const id = await submit(['a', 'b', 'c', 'd'].map((one) => line(one)).join('') + line('e', '/other') + 'no JSON\n')
  const batch = await reached(id, 'completed')
  expect(batch).toMatchObject({ total: 6, completed: 3, failed: 3, usage: { inputTokens: 40 } })
  const done = await resultsOf(batch.outputFileId)
  expect(done).toMatchObject(
    ['a', 'b', 'd'].map((one, index) => ({
      id: `batch_req_${batches}_${[1, 2, 4][index]}`,
      custom_id: one,
      response: { status_code: 200, body: { asked: { id: one } }, ...(one === 'b' && { dropped: ['body.x'] }) },
      error: null,
    })),
  )
  expect(await resultsOf(batch.errorFileId)).toMatchObject([
    { custom_id: 'c', response: { status_code: 400, body: { asked: { id: 'c' } } }, error: null },
    { custom_id: 'e', response: null, error: { code: 'invalid_url' } },
    { custom_id: '', response: null, error: { code: 'invalid_json_line' } },
  ])
  const rows = await store.ledger.requests({}, 'all', { limit: 100 })
  expect(went.toSorted()).toEqual(rows.rows.map((row) => `taken ${row.id}`).toSorted())
  expect(rows.rows).toHaveLength(4)
  const kept = await store.batches.lines(id, 0, 100)
  expect(kept.map(({ answer }) => answer?.body ?? '')).toEqual(['', '', '', '', '', ''])
})

test.each([
  ['nothing', '', {}, 'invalid_request'],
  ['nothing but space', ' \n\n', {}, 'invalid_request'],
  ['too many lines', line('a').repeat(101), {}, 'payload_too_large'],
  ['too many bytes', `${'x'.repeat(900)}\n`.repeat(120), {}, 'payload_too_large'],
  ['a file of nobody', line('a'), { input: 'file-none' }, 'not_found'],
  ['the file of another account', line('a'), { accountId: 'other' }, 'not_found'],
  ['a URL that leads inside', line('a'), { input: 'https://internal.example/in' }, 'invalid_request'],
])('fails as a whole when its input is %s', async (_what, input, fields, code) => {
  let asked = 0
  start(async (one) => {
    asked += 1
    return answered(one)
  })
  const batch = await reached(await submit(input, fields), 'failed')
  expect(batch).toMatchObject({ total: 0, problem: { code }, outputFileId: '', errorFileId: '' })
  expect(asked).toBe(0)
})

test('an input that takes its time, or never ends, keeps no other batch waiting, nor those who stop', async () => {
  const reading: string[] = []
  const slow: Places = {
    ...nowhere,
    // oxlint-disable-next-line require-yield
    async *read(input) {
      reading.push(input)
      await new Promise(() => undefined)
    },
  }
  const { stop } = start(async (one) => answered(one), {}, slow)
  for (const input of ['https://a.example/', 'https://b.example/']) await submit('', { input })
  await expect.poll(() => reading).toEqual(['https://a.example/', 'https://b.example/'])
  await reached(await submit(line('a')), 'completed')
  stops.length = 0
  await stop()
})

test('an input that comes too slowly fails', async () => {
  let clock = 0
  const now = vi.spyOn(performance, 'now').mockImplementation(() => (clock += 20_000))
  const dripping: Places = {
    ...nowhere,
    async *read() {
      for (const letter of line('a').repeat(2)) yield Buffer.from(letter)
    },
  }
  start(async (one) => answered(one), {}, dripping)
  const batch = await reached(await submit('', { input: 'https://a.example/' }), 'failed')
  expect(batch.problem).toEqual({ code: 'invalid_request', message: 'the input comes too slowly' })
  now.mockRestore()
})

test('keeps results of which it is not known whether the batch has them, and writes none twice', async () => {
  const { batches: real } = store
  const keep = vault.keep.bind(vault)
  const [away, full] = [{ times: 1 }, { times: 1 }]
  store = {
    ...store,
    batches: {
      ...store.batches,
      // The answer that it was written is lost.
      async keepFiles(...given) {
        const kept = await real.keepFiles(...given)
        if (away.times-- > 0) throw fail('store_unavailable', 'the connection was lost')
        return kept
      },
    },
  }
  vi.spyOn(vault, 'keep').mockImplementation((account, facts, bytes) => {
    const isFull = facts.name.endsWith('error.jsonl') && full.times-- > 0
    return isFull ? Promise.reject(fail('store_unavailable', 'no room')) : keep(account, facts, bytes)
  })
  start(async (one) => answered(one, [], one.customId === 'b' ? 400 : 200), { leaseMs: 30 })
  const batch = await reached(await submit(line('a') + line('b')), 'completed')
  expect(await resultsOf(batch.outputFileId)).toMatchObject([{ custom_id: 'a' }])
  expect(await resultsOf(batch.errorFileId)).toMatchObject([{ custom_id: 'b' }])
  expect([away.times, full.times].every((times) => times <= 0)).toBe(true)
  const written = async () => (await vault.list({ purpose: 'batch_output' }, 'all', { limit: 10 })).rows
  await expect.poll(written).toHaveLength(2)
})

test('has results that are larger than what clients may upload', async () => {
  const blobs = await openFolderBlobs(join(folder, 'files'))
  vault = new Vault({ files: store.files, blobs, maxBytes: 200, keptMs: Infinity })
  start(async (one) => answered(one))
  const batch = await reached(await submit(line('a') + line('b')), 'completed')
  expect(await resultsOf(batch.outputFileId)).toHaveLength(2)
  expect((await vault.open(batch.outputFileId, 'all')).file.bytes).toBeGreaterThan(200)
})

test('ends with its own files when results cannot be written where they were wanted, and says so', async () => {
  let writes = 0
  const refusing: Places = {
    ...nowhere,
    write: () => {
      writes += 1
      return Promise.reject(fail('provider_error', 'the bucket refused'))
    },
  }
  start(async (one) => answered(one), { leaseMs: 30 }, refusing)
  const batch = await reached(await submit(line('a'), { outputPrefix: 's3://bucket/out' }), 'completed')
  expect(batch).toMatchObject({ completed: 1, problem: { code: 'output_not_written' } })
  expect(await resultsOf(batch.outputFileId)).toMatchObject([{ custom_id: 'a' }])
  expect(writes).toBeGreaterThan(1)
  // What one wrote whose lease ended meanwhile is removed again.
  const kept = async () => (await vault.list({ purpose: 'batch_output' }, 'all', { limit: 10 })).rows
  await expect.poll(kept).toHaveLength(1)
})

test('tries a line again whose failure may pass, and says at last how it failed', async () => {
  const tries = new Map<string, number>()
  const went: string[] = []
  const { outcomes } = start(async (one) => {
    const tried = (tries.get(one.customId) ?? 0) + 1
    tries.set(one.customId, tried)
    if (one.customId === 'twice' && tried === 3) return answered(one, went)
    return { ...answered(one, went, 503), again: { afterMs: 2 } }
  })
  const batch = await reached(await submit(line('twice') + line('never')), 'completed')
  expect([...tries]).toEqual([
    ['twice', 3],
    ['never', 3],
  ])
  expect(batch).toMatchObject({ completed: 1, failed: 1 })
  expect(await resultsOf(batch.errorFileId)).toMatchObject([{ custom_id: 'never', response: { status_code: 503 } }])
  expect(went.filter((word) => word.startsWith('passed on'))).toHaveLength(4)
  expect(went.filter((word) => word.startsWith('taken'))).toHaveLength(2)
  expect(outcomes.toSorted()).toEqual(['again', 'again', 'again', 'again', 'done', 'failed'])
})

test('cancelled, it keeps what is done, lets what runs end, and asks nothing more', async () => {
  const gate = Promise.withResolvers<void>()
  const asked: string[] = []
  start(
    async (one) => {
      asked.push(one.customId)
      if (one.customId !== 'a') await gate.promise
      return answered(one)
    },
    { lines: 2 },
  )
  const id = await submit(['a', 'b', 'c', 'd', 'e'].map((one) => line(one)).join(''))
  await expect.poll(() => asked).toEqual(['a', 'b', 'c'])
  await store.batches.cancel(id, 'all', Date.now())
  await setTimeout(60)
  expect((await store.batches.batch(id, 'all')).status).toBe('cancelling')
  gate.resolve()
  const batch = await reached(id, 'cancelled')
  expect(asked).toEqual(['a', 'b', 'c'])
  expect(batch).toMatchObject({ total: 5, completed: 3, failed: 2 })
  expect(await resultsOf(batch.errorFileId)).toMatchObject([
    { custom_id: 'd', error: { code: 'batch_cancelled' } },
    { custom_id: 'e', error: { code: 'batch_cancelled' } },
  ])
})

test('when its time is over, what runs may end, and lines that were not asked say so', async () => {
  const gate = Promise.withResolvers<void>()
  const asked: string[] = []
  start(
    async (one) => {
      asked.push(one.customId)
      await gate.promise
      return answered(one)
    },
    { lines: 1 },
  )
  const id = await submit(line('a') + line('b'))
  await expect.poll(() => asked).toEqual(['a'])
  const database = new DatabaseSync(join(folder, 'switchyard.db'))
  database.exec(`update batch set expires = ${Date.now() - 1}`)
  database.close()
  await reached(id, 'finalizing')
  gate.resolve()
  const batch = await reached(id, 'expired')
  expect(asked).toEqual(['a'])
  expect(batch).toMatchObject({ completed: 1, failed: 1 })
  expect(await resultsOf(batch.errorFileId)).toMatchObject([{ custom_id: 'b', error: { code: 'batch_expired' } }])
})

test('what a process leaves behind when it is frozen is done by another, and what it brings late is not taken', async () => {
  const wakeUp = Promise.withResolvers<void>()
  const went: string[] = []
  const late = start(
    async (one, signal) => {
      await wakeUp.promise
      expect(signal.aborted).toBe(false)
      return answered(one, went)
    },
    // It renews nothing until it is awake again, and has no room to take over what it does itself.
    { leaseMs: 200_000_000, lines: 2 },
  )
  const id = await submit(line('a') + line('b'))
  await expect
    .poll(async () => (await store.batches.lines(id, 0, 9)).map(({ state }) => state))
    .toEqual(['running', 'running'])
  const running = await store.batches.renew(
    [1, 2].map((number) => ({ batchId: id, line: number, fence: 1 })),
    Date.now() - 1,
  )
  expect(running).toHaveLength(2)
  start(async (one) => answered(one))
  const batch = await reached(id, 'completed')
  wakeUp.resolve()
  await expect.poll(() => went.length).toBe(2)
  await late.stop()
  expect(late.outcomes).toEqual(['lost', 'lost'])
  expect(went.every((word) => word.startsWith('passed on'))).toBe(true)
  expect(await store.batches.batch(id, 'all')).toEqual(batch)
  expect((await store.ledger.requests({}, 'all', { limit: 9 })).rows).toHaveLength(2)
})

test('a line that ends whoever asks it, time and again, is given up', async () => {
  const gate = Promise.withResolvers<void>()
  const first = start(async (one, signal) => {
    signal.addEventListener('abort', () => gate.resolve())
    await gate.promise
    return { ...answered(one, [], 503), again: {} }
  })
  const id = await submit(line('poison'))
  await expect.poll(async () => (await store.batches.lines(id, 0, 9)).map(({ state }) => state)).toEqual(['running'])
  await first.stop()
  const database = new DatabaseSync(join(folder, 'switchyard.db'))
  database.exec('update batch_line set fence = 200')
  database.close()
  let asked = 0
  start(async (one) => {
    asked += 1
    return answered(one)
  })
  const batch = await reached(id, 'completed')
  expect([asked, batch.failed]).toEqual([0, 1])
  expect(await resultsOf(batch.errorFileId)).toMatchObject([{ custom_id: 'poison', error: { code: 'line_abandoned' } }])
})

test('a process that stops gives back what it cannot end, and another goes on at once', async () => {
  const went: string[] = []
  const first = start(async (one, signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    return { ...answered(one, went, 503), again: {} }
  })
  const id = await submit(line('a') + line('b'))
  await expect
    .poll(async () => (await store.batches.lines(id, 0, 9)).map(({ state }) => state))
    .toEqual(['running', 'running'])
  await first.stop()
  expect(went.every((word) => word.startsWith('passed on'))).toBe(true)
  expect((await store.batches.lines(id, 0, 9)).map(({ state }) => state)).toEqual(['pending', 'pending'])
  start(async (one) => answered(one))
  expect(await reached(id, 'completed')).toMatchObject({ completed: 2 })
})
