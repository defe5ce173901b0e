import { describe, expect, test } from 'vitest'
import { usage } from '../../../src/model/usage.ts'
import type { BatchStore, ClaimedLine, Completion, NewBatch, NewLine, Store } from '../../../src/store/contract.ts'
import { type Bed, reasonOf } from './bed.ts'
import { requestRow } from './rows.ts'

const lease = 1000
/** Times of these tests: they pass as they are told to. */
const start = Date.UTC(2026, 10, 25, 12)
const lateExpiry = start + 86_400_000

let batches = 0

/** A batch as it is asked for. */
export function newBatch(fields: Partial<NewBatch> = {}): NewBatch {
  batches += 1
  return {
    id: `batch_${String(batches).padStart(32, '0')}`,
    accountId: 'acme',
    keyId: 'k1',
    dialect: 'openai',
    input: 'file-1',
    endpoint: '/v1/chat/completions',
    completionWindow: '24h',
    metadata: { größe: '"x"' },
    outputPrefix: '',
    created: start + batches,
    expires: lateExpiry,
    ...fields,
  }
}

function newLine(line: number, fields: Partial<NewLine> = {}): NewLine {
  const body = `{"model":"m","n":${line}}`
  return { line, customId: `c-${line}`, method: 'POST', url: '/v1/chat/completions', body, ...fields }
}

/** Makes a batch whose lines can be worked on. */
async function began(store: BatchStore, lines: number, fields: Partial<NewBatch> = {}): Promise<NewBatch> {
  const batch = newBatch(fields)
  await store.create(batch)
  const job = await store.claimJob('maker', start, lease)
  const fence = job?.fence ?? -1
  expect(job?.batch.id).toBe(batch.id)
  expect(
    await store.addLines(
      batch.id,
      fence,
      Array.from({ length: lines }, (_, index) => newLine(index + 1)),
    ),
  ).toBe(true)
  expect(await store.begin(batch.id, fence, start)).toBe(true)
  return batch
}

function completed({ batchId, line, fence }: ClaimedLine, fields: Partial<Completion> = {}): Completion {
  const request = requestRow({
    accountId: 'acme',
    started: start,
    costNanoUsd: 5n,
    usage: usage({ inputTokens: 10 * line, outputTokens: 1, audioSeconds: 0.5 }),
  })
  return {
    claim: { batchId, line, fence },
    outcome: { httpStatus: 200, requestId: request.id, body: `{"line":${line}}`, dropped: ['a "b"'] },
    request,
    content: undefined,
    ...fields,
  }
}

const linesOf = (claimed: readonly ClaimedLine[]): number[] => claimed.map(({ line }) => line)

/** Durable batches: claims, fences, and outcomes that are written once. */
export function batchesSuite({ fresh, open, newLocation, execute }: Bed): void {
  const take = (store: Store, most: number, now = start, perBatch = 100, owner = 'one') =>
    store.batches.claim(owner, now, lease, { lines: most, perBatch })

  describe('batches', () => {
    test('gives back every field of a batch, within the scope, newest first', async () => {
      const { batches: store } = await fresh()
      const [first, second, foreign] = [newBatch(), newBatch({ endpoint: '' }), newBatch({ accountId: 'other' })]
      for (const batch of [first, second, foreign]) await store.create(batch)
      const row = await store.batch(first.id, ['acme'])
      expect(row).toMatchObject({ ...first, status: 'validating', total: 0, completed: 0, failed: 0, outputFileId: '' })
      expect([row.began, row.finished, row.problem]).toEqual([undefined, undefined, undefined])
      expect(await reasonOf(store.batch(foreign.id, ['acme']))).toBe('not_found')
      expect(await reasonOf(store.cancel(foreign.id, ['acme'], start))).toBe('not_found')
      expect(await reasonOf(store.create(first))).toBe('conflict')
      const page = await store.batches(undefined, ['acme'], { limit: 1 })
      expect(page.rows.map(({ id }) => id)).toEqual([second.id])
      const next = await store.batches(undefined, ['acme'], { limit: 1, cursor: page.nextCursor })
      expect([next.rows.map(({ id }) => id), next.nextCursor]).toEqual([[first.id], undefined])
      const behind = await store.batches(undefined, ['acme'], { limit: 1, after: second.id })
      expect(behind.rows.map(({ id }) => id)).toEqual([first.id])
      expect(await reasonOf(store.batches(undefined, ['acme'], { limit: 1, after: foreign.id }))).toBe(
        'invalid_request',
      )
      expect((await store.batches('completed', 'all', { limit: 9 })).rows).toEqual([])
      expect((await store.batches('validating', 'all', { limit: 9 })).rows).toHaveLength(3)
    })

    test('goes from validation to its end, and forgets then what was asked and answered', async () => {
      const store = await fresh()
      const batch = newBatch()
      await store.batches.create(batch)
      const job = await store.batches.claimJob('one', start, lease)
      const fence = job?.fence ?? -1
      expect(await take(store, 9)).toEqual([])
      const bad = newLine(2, { problem: { code: 'invalid_json_line', message: 'no JSON' } })
      const lines = [newLine(1), bad, newLine(3)]
      expect(await store.batches.addLines(batch.id, fence, lines.slice(0, 2))).toBe(true)
      expect(await store.batches.addLines(batch.id, fence, lines)).toBe(true)
      expect(await store.batches.begin(batch.id, fence, start + 1)).toBe(true)
      expect(await store.batches.batch(batch.id, 'all')).toMatchObject({
        status: 'in_progress',
        total: 3,
        failed: 1,
        began: start + 1,
      })
      expect(await store.batches.claimJob('one', start + 2, lease)).toBeUndefined()
      const claimed = await take(store, 9)
      expect(claimed).toMatchObject([
        { batchId: batch.id, ...newLine(1), tries: 0, batch: { accountId: 'acme', keyId: 'k1', expires: lateExpiry } },
        { line: 3 },
      ])
      const [one, three] = claimed.map((line) => completed(line))
      if (one === undefined || three === undefined) throw new Error('no claims')
      expect(await store.batches.complete([one], start + 5)).toEqual([true])
      expect(await store.batches.batch(batch.id, 'all')).toMatchObject({ status: 'in_progress', completed: 1 })
      const refused = { ...three, outcome: { httpStatus: 400, requestId: 'r', body: '{"error":{}}', dropped: [] } }
      expect(await store.batches.complete([refused], start + 6)).toEqual([true])
      const row = await store.batches.batch(batch.id, 'all')
      expect(row).toMatchObject({ status: 'finalizing', total: 3, completed: 1, failed: 2, finalizing: start + 6 })
      expect(row.usage).toMatchObject({ inputTokens: 40, outputTokens: 2, audioSeconds: 1, estimatedRequests: 0 })
      expect(await store.batches.lines(batch.id, 0, 2)).toMatchObject([
        { line: 1, customId: 'c-1', state: 'done', answer: one.outcome, usage: { inputTokens: 10 } },
        { line: 2, state: 'failed', answer: undefined, problem: { code: 'invalid_json_line', message: 'no JSON' } },
      ])
      expect(await store.batches.lines(batch.id, 2, 2)).toMatchObject([
        { line: 3, state: 'failed', usage: { inputTokens: 30 } },
      ])

      expect((await store.batches.lines(batch.id, 0, 9, 'failed')).map(({ line }) => line)).toEqual([2, 3])

      const finishing = await store.batches.claimJob('two', start + 7, lease)
      const last = finishing?.fence ?? -1
      const files = { outputFileId: 'file-o', errorFileId: 'file-e' }
      expect(await store.batches.keepFiles(batch.id, last, files)).toBe(true)
      expect([
        await store.batches.clearLines(batch.id, last, 0, 2),
        await store.batches.clearLines(batch.id, last, 2, 2),
        await store.batches.clearLines(batch.id, last, 3, 2),
      ]).toEqual([2, 3, 3])
      expect(await store.batches.finish(batch.id, last, start + 9)).toBe(true)
      expect(await store.batches.batch(batch.id, 'all')).toMatchObject({
        status: 'completed',
        ...files,
        finished: start + 9,
      })
      expect(
        (await store.batches.lines(batch.id, 0, 9)).map(({ answer, usage: used }) => [answer?.body, used]),
      ).toEqual([
        ['', { inputTokens: 10, outputTokens: 1, audioSeconds: 0.5 }],
        [undefined, {}],
        ['', { inputTokens: 30, outputTokens: 1, audioSeconds: 0.5 }],
      ])
      expect(await store.batches.claimJob('two', lateExpiry, lease)).toBeUndefined()
      expect(await store.batches.cancel(batch.id, 'all', start + 10)).toMatchObject({ status: 'completed' })
    })

    test('large answers are read few at a time, and what a client makes long is no reason to lose a line', async () => {
      const store = await fresh()
      const { id } = await began(store.batches, 3)
      const [one, two, three] = (await take(store, 3)).map((line) => completed(line))
      if (one === undefined || two === undefined || three === undefined) throw new Error('no claims')
      const large = {
        ...one,
        outcome: { httpStatus: 200, requestId: 'r', body: `"${'x'.repeat(17 << 20)}"`, dropped: [] },
      }
      const paths = Array.from({ length: 40_000 }, (_, index) => `a-field-of-nobody-that-is-called-${index}`)
      const long = { ...two, outcome: { httpStatus: 200, requestId: 's', body: '{}', dropped: paths } }
      expect(await store.batches.complete([large, long, three], start)).toEqual([true, true, true])
      expect((await store.batches.lines(id, 0, 9)).map(({ line, answer }) => [line, answer?.body.length])).toEqual([
        [1, large.outcome.body.length],
      ])
      const others = await store.batches.lines(id, 1, 9)
      expect(others.map(({ line, state }) => [line, state])).toEqual([
        [2, 'done'],
        [3, 'done'],
      ])
      const kept = others[0]?.answer?.dropped ?? []
      expect(kept.length).toBeGreaterThan(1000)
      expect(kept).toEqual(paths.slice(0, kept.length))
    })

    test('what has not ended is counted, with its lines that are left', async () => {
      const store = await fresh()
      expect(await store.batches.open()).toEqual({ batches: {}, lines: 0, oldest: undefined })
      const { created } = await began(store.batches, 5)
      await began(store.batches, 2)
      await store.batches.create(newBatch())
      const [one, two] = await take(store, 2)
      if (one === undefined || two === undefined) throw new Error('no claims')
      await store.batches.complete([completed(one)], start)
      const { batchId: other } = two
      expect(await store.batches.open()).toEqual({
        batches: { in_progress: 2, validating: 1 },
        lines: 6,
        oldest: created,
      })
      await store.batches.cancel(other, 'all', start)
      expect((await store.batches.open()).batches).toEqual({ cancelling: 1, in_progress: 1, validating: 1 })
    })

    test('without a line that is a request it has nothing to wait for', async () => {
      const { batches: store } = await fresh()
      const batch = newBatch()
      await store.create(batch)
      const { fence } = (await store.claimJob('one', start, lease)) ?? { fence: -1 }
      await store.addLines(batch.id, fence, [newLine(1, { problem: { code: 'bad', message: 'bad' } })])
      expect(await store.begin(batch.id, fence, start)).toBe(true)
      expect((await store.claimJob('one', start, lease))?.batch).toMatchObject({ status: 'finalizing', failed: 1 })
    })

    test('fails as a whole, with no lines', async () => {
      const { batches: store } = await fresh()
      const batch = newBatch()
      await store.create(batch)
      const { fence } = (await store.claimJob('one', start, lease)) ?? { fence: -1 }
      await store.addLines(batch.id, fence, [newLine(1)])
      const problem = { code: 'unreadable', message: 'the input cannot be read' }
      expect(await store.failBatch(batch.id, fence, problem, start + 1)).toBe(true)
      expect(await store.batch(batch.id, 'all')).toMatchObject({
        status: 'failed',
        total: 0,
        problem,
        finished: start + 1,
      })
      expect(await store.lines(batch.id, 0, 9)).toEqual([])
      expect(await store.claimJob('one', lateExpiry, lease)).toBeUndefined()
    })

    test('counts right when failing as a whole is interrupted, and its input is read again', async () => {
      const location = await newLocation()
      const { batches: store } = await open(location)
      const { id } = newBatch()
      await store.create(newBatch({ id }))
      const { fence } = (await store.claimJob('one', start, lease)) ?? { fence: -1 }
      const lines = Array.from({ length: 5001 }, (_, index) =>
        newLine(index + 1, index % 2 === 0 ? {} : { problem: { code: 'bad', message: 'bad' } }),
      )
      await store.addLines(id, fence, lines)
      // The last line holds up the second of its transactions.
      await execute(
        location,
        'create table holding (batch_id text, line bigint, foreign key (batch_id, line) references batch_line)',
      )
      await execute(location, `insert into holding values ('${id}', 5001)`)
      await expect(store.failBatch(id, fence, { code: 'x', message: 'x' }, start)).rejects.toThrow()
      const left = await store.batch(id, 'all')
      expect([left.status, left.total, left.failed]).toEqual(['validating', 1, 0])
      await store.addLines(id, fence, lines)
      await store.begin(id, fence, start)
      expect(await store.batch(id, 'all')).toMatchObject({ status: 'in_progress', total: 5001, failed: 2500 })
    })

    test('a batch is worked on by one at a time, and whoever comes late changes nothing', async () => {
      const { batches: store } = await fresh()
      const batch = newBatch()
      await store.create(batch)
      const late = (await store.claimJob('late', start, lease))?.fence ?? -1
      expect(await store.claimJob('two', start + lease - 1, lease)).toBeUndefined()
      expect(await store.renewJob(batch.id, late, start + 2 * lease)).toBe(true)
      expect(await store.claimJob('two', start + lease, lease)).toBeUndefined()
      const job = await store.claimJob('two', start + 2 * lease, lease)
      expect(job?.fence).toBe(late + 1)
      expect([
        await store.renewJob(batch.id, late, lateExpiry),
        await store.addLines(batch.id, late, [newLine(1)]),
        await store.begin(batch.id, late, start),
        await store.failBatch(batch.id, late, { code: 'x', message: 'x' }, start),
        await store.closeLines(batch.id, late, { code: 'x', message: 'x' }, start, 9),
        await store.keepFiles(batch.id, late, { outputFileId: 'f', errorFileId: 'f' }),
        await store.clearLines(batch.id, late, 0, 9),
        await store.finish(batch.id, late, start),
      ]).toEqual([false, false, false, false, undefined, false, undefined, false])
      expect(await store.batch(batch.id, 'all')).toMatchObject({ status: 'validating', total: 0, outputFileId: '' })
      expect(await store.finish(batch.id, late + 1, start)).toBe(false)
      expect(await store.renewJob(batch.id, late + 1, start)).toBe(true)
      expect((await store.claimJob('three', start, lease))?.fence).toBe(late + 2)
    })

    test('a line is somebody else’s when its lease is over, and whoever comes late changes nothing, not even the ledger', async () => {
      const store = await fresh()
      const batch = await began(store.batches, 2)
      const [late] = await take(store, 1)
      if (late === undefined) throw new Error('no claim')
      expect(linesOf(await take(store, 9, start + lease - 1))).toEqual([2])
      expect(await store.batches.renew([late], start + 2 * lease)).toMatchObject([{ line: 1, fence: late.fence }])
      expect(linesOf(await take(store, 9, start + lease))).toEqual([])
      const [again] = await take(store, 1, start + 2 * lease, 100, 'two')
      if (again === undefined) throw new Error('no claim')
      expect([again.line, again.fence]).toEqual([1, late.fence + 1])
      const dropped = completed(late)
      expect(await store.batches.complete([dropped], start)).toEqual([false])
      expect(await store.batches.renew([late, again], lateExpiry)).toMatchObject([{ line: 1, fence: again.fence }])
      expect(await store.batches.release(late, start, true)).toBe(false)
      expect(await reasonOf(store.ledger.request(dropped.request?.id ?? '', 'all'))).toBe('not_found')
      expect(await store.batches.batch(batch.id, 'all')).toMatchObject({ completed: 0, usage: { inputTokens: 0 } })
      const kept = completed(again)
      expect(await store.batches.complete([kept, dropped], start)).toEqual([true, false])
      expect(await store.batches.complete([kept], start)).toEqual([true])
      expect(await store.batches.complete([completed(again)], start)).toEqual([false])
      expect(await store.ledger.request(kept.request?.id ?? '', ['acme'])).toEqual(kept.request)
      expect(await store.accounts.charges('all')).toEqual([{ accountId: 'acme', nanoUsd: 5n, requests: 1n }])
      expect(await store.batches.batch(batch.id, 'all')).toMatchObject({ completed: 1, usage: { inputTokens: 10 } })
    })

    test('a line that is given back is taken again in its time', async () => {
      const store = await fresh()
      await began(store.batches, 2)
      const [one, two] = await take(store, 2)
      if (one === undefined || two === undefined) throw new Error('no claim')
      expect(await store.batches.release(one, start + 500, true)).toBe(true)
      expect(await store.batches.release(two, start, false)).toBe(true)
      expect(await take(store, 9, start)).toMatchObject([{ line: 2, tries: 0, fence: two.fence + 1 }])
      expect(await take(store, 9, start + 499)).toEqual([])
      expect(await take(store, 9, start + 500)).toMatchObject([{ line: 1, tries: 1 }])
    })

    test('accounts share what is taken, and batches of one account take turns', async () => {
      const store = await fresh()
      const [a, b] = [await began(store.batches, 20), await began(store.batches, 20)]
      const c = await began(store.batches, 3, { accountId: 'other' })
      const counts = (claimed: readonly ClaimedLine[]) =>
        [a, b, c].map(({ id }) => claimed.filter(({ batchId }) => batchId === id).length)
      expect(counts(await take(store, 4, start))).toEqual([2, 0, 2])
      expect(counts(await take(store, 4, start + 1))).toEqual([1, 2, 1])
      expect(counts(await take(store, 4, start + 2))).toEqual([4, 0, 0])
      expect(counts(await take(store, 4, start + 3, 7))).toEqual([0, 4, 0])
      expect(counts(await take(store, 40, start + 4, 7))).toEqual([0, 1, 0])
    })

    test('many who take at once get each line once', async () => {
      const location = await newLocation()
      const [one, other] = await Promise.all([open(location), open(location)])
      await began(one.batches, 120)
      const taken = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => {
          const mine: number[] = []
          for (;;) {
            const got = await take(index % 2 === 0 ? one : other, 7, start, 1000, `w${index}`)
            if (got.length === 0) return mine
            mine.push(...linesOf(got))
          }
        }),
      )
      expect(taken.flat().toSorted((x, y) => x - y)).toEqual(Array.from({ length: 120 }, (_, index) => index + 1))
    })

    test('many who complete at once are all counted, and the last of them ends it', async () => {
      const location = await newLocation()
      const [one, other] = await Promise.all([open(location), open(location)])
      const batch = await began(one.batches, 40)
      const claimed = await take(one, 40)
      await Promise.all(
        claimed.map((line, index) => (index % 2 === 0 ? one : other).batches.complete([completed(line)], start + 1)),
      )
      expect(await one.batches.batch(batch.id, 'all')).toMatchObject({
        status: 'finalizing',
        completed: 40,
        usage: { inputTokens: 8200, outputTokens: 40, audioSeconds: 20 },
      })
      expect(await one.accounts.charges('all')).toEqual([{ accountId: 'acme', nanoUsd: 200n, requests: 40n }])
    })

    test('what ended long ago is forgotten, some at a time, and nothing else', async () => {
      const { batches: store } = await fresh()
      const problem = { code: 'batch_cancelled', message: 'it was cancelled' }
      const ended: string[] = []
      for (const at of [start + 10, start + 20]) {
        const { id } = await began(store, 3)
        await store.cancel(id, 'all', at)
        const { fence } = (await store.claimJob('one', at, lease)) ?? { fence: -1 }
        await store.closeLines(id, fence, problem, at, 9)
        expect(await store.finish(id, fence, at)).toBe(true)
        ended.push(id)
      }
      const running = await began(store, 1)
      const counts: number[] = []
      do counts.push(await store.forget(start + 20, 2))
      while (counts.at(-1) !== 0)
      expect(counts).toEqual([2, 2, 0])
      const left = await store.batches(undefined, 'all', { limit: 9 })
      expect(left.rows.map(({ id }) => id)).toEqual([running.id, ended[1]])
      expect(await store.lines(ended[0] ?? '', 0, 9)).toEqual([])
      expect(await store.lines(ended[1] ?? '', 0, 9)).toHaveLength(3)
    })

    test('cancelled, it begins no line, keeps what is done and lets what runs end', async () => {
      const store = await fresh()
      const batch = await began(store.batches, 5)
      const [done, running] = await take(store, 2)
      if (done === undefined || running === undefined) throw new Error('no claim')
      await store.batches.complete([completed(done)], start)
      expect(await store.batches.cancel(batch.id, ['acme'], start + 1)).toMatchObject({
        status: 'cancelling',
        cancelling: start + 1,
      })
      expect(await store.batches.cancel(batch.id, ['acme'], start + 2)).toMatchObject({ cancelling: start + 1 })
      expect(await take(store, 9, start + 2)).toEqual([])
      const job = await store.batches.claimJob('one', start + 2, lease)
      const fence = job?.fence ?? -1
      const problem = { code: 'batch_cancelled', message: 'it was cancelled' }
      expect(await store.batches.closeLines(batch.id, fence, problem, start + 2, 2)).toEqual({ closed: 2, running: 1 })
      expect(await store.batches.closeLines(batch.id, fence, problem, start + 2, 2)).toEqual({ closed: 1, running: 1 })
      expect(await store.batches.finish(batch.id, fence, start + 2)).toBe(false)
      expect(await store.batches.complete([completed(running)], start + 3)).toEqual([true])
      expect(await store.batches.closeLines(batch.id, fence, problem, start + 3, 2)).toEqual({ closed: 0, running: 0 })
      expect(await store.batches.finish(batch.id, fence, start + 4)).toBe(true)
      expect(await store.batches.batch(batch.id, 'all')).toMatchObject({
        status: 'cancelled',
        total: 5,
        completed: 2,
        failed: 3,
      })
    })

    test('when its time is over, lines of whoever is gone are closed too', async () => {
      const store = await fresh()
      const expires = start + 5000
      const batch = await began(store.batches, 2, { expires })
      const [gone] = await take(store, 1)
      expect(await store.batches.claimJob('one', expires - 1, lease)).toBeUndefined()
      expect(await take(store, 9, expires)).toEqual([])
      const job = await store.batches.claimJob('one', expires, lease)
      expect(job?.batch).toMatchObject({ status: 'finalizing', finalizing: expires })
      const fence = job?.fence ?? -1
      const problem = { code: 'batch_expired', message: 'its time is over' }
      expect(await store.batches.closeLines(batch.id, fence, problem, expires, 9)).toEqual({ closed: 2, running: 0 })
      if (gone !== undefined) expect(await store.batches.complete([completed(gone)], expires)).toEqual([false])
      expect(await store.batches.finish(batch.id, fence, expires + 1)).toBe(true)
      expect(await store.batches.batch(batch.id, 'all')).toMatchObject({ status: 'expired', failed: 2, completed: 0 })
    })
  })
}
