import { describe, expect, test } from 'vitest'
import { type Bed, reasonOf } from './bed.ts'
import { idAt, requestRow } from './rows.ts'

/** The request log, row by row. */
export function ledgerSuite({ fresh, open, newLocation }: Bed): void {
  describe('ledger', () => {
    test('gives back every field of a row', async () => {
      const { ledger } = await fresh()
      const full = requestRow()
      const bare = requestRow({
        attempts: [],
        finishReasons: [],
        status: 'error',
        reason: 'model_not_found',
        costNanoUsd: undefined,
        timeToFirstEvent: undefined,
        streaming: false,
      })
      const large = requestRow({ costNanoUsd: 9_007_199_254_740_993n, started: Date.now() + 400 * 86_400_000 })
      await ledger.append([full, bare, large], [])
      for (const row of [full, bare, large]) expect(await ledger.request(row.id, 'all')).toEqual(row)
    })

    test('takes a row in once, however often and however late it is given', async () => {
      const { ledger, accounts } = await fresh()
      const now = Date.now()
      const rows = Array.from({ length: 20 }, (_, index) =>
        requestRow({ started: now - index * 3_600_000, costNanoUsd: 7n }),
      )
      await ledger.append(rows.slice(0, 12), [])
      await ledger.append(rows.slice(6), [])
      await ledger.append(rows.toReversed(), [])
      await ledger.append([requestRow({ id: rows[0]?.id ?? '', started: now + 5, costNanoUsd: 7n })], [])
      expect((await ledger.requests({}, 'all', { limit: 100 })).rows).toEqual(rows)
      expect(await accounts.charges('all')).toEqual([{ accountId: 'default', nanoUsd: 140n, requests: 20n }])
    })

    test('takes in rows from any time, and around midnight', async () => {
      const { ledger } = await fresh()
      const midnight = Date.UTC(2026, 10, 25)
      const times = [0, Date.UTC(1999, 5, 1), midnight - 1, midnight, midnight + 1, Date.UTC(2040, 0, 1)]
      const rows = times.map((started) => requestRow({ started, id: `row-${started}` }))
      await ledger.append(rows, [])
      expect((await ledger.requests({}, 'all', { limit: 100 })).rows.map(({ started }) => started)).toEqual(
        times.toReversed(),
      )
      const day = await ledger.requests({ since: midnight, until: midnight + 1 }, 'all', { limit: 100 })
      expect(day.rows.map(({ started }) => started)).toEqual([midnight])
    })

    test('nothing that a client can say makes a row that is refused', async () => {
      const { ledger } = await fresh()
      const odd = requestRow({
        alias: `\0${'x'.repeat(100_000)}`,
        clientRequestId: '\u{10FFFF}'.repeat(2000),
        model: 'lone \uD800 surrogate',
        duration: Number.NaN,
        requestBytes: -1,
        usage: { ...requestRow().usage, inputTokens: 1.5, audioSeconds: Number.POSITIVE_INFINITY },
      })
      const endless = { ...requestRow().usage, inputTokens: 1e300, videoSeconds: 1e308 }
      const large = [requestRow({ usage: endless }), requestRow({ usage: endless })]
      const plain = requestRow()
      await ledger.append([odd, ...large, plain], [])
      expect(await ledger.request(plain.id, 'all')).toEqual(plain)
      const kept = await ledger.request(odd.id, 'all')
      expect(kept).toMatchObject({ duration: 0, requestBytes: 0, model: 'lone \uFFFD surrogate' })
      expect(kept.alias).toHaveLength(512)
    })

    test('finds a row by its id, or the newest by what its client called it, within the scope', async () => {
      const { ledger } = await fresh()
      const now = Date.now()
      const old = requestRow({ started: now - 100_000_000, clientRequestId: 'mine', accountId: 'acme' })
      const recent = requestRow({ started: now, clientRequestId: 'mine', accountId: 'acme' })
      const foreign = requestRow({ started: now + 1, clientRequestId: 'mine', accountId: 'other' })
      await ledger.append([recent, old, foreign], [])
      expect(await ledger.request(old.id, ['acme'])).toEqual(old)
      expect(await ledger.request('mine', ['acme'])).toEqual(recent)
      expect(await ledger.request('mine', 'all')).toEqual(foreign)
      expect(await reasonOf(ledger.request(foreign.id, ['acme']))).toBe('not_found')
      expect(await reasonOf(ledger.request('', 'all'))).toBe('not_found')
      expect(await reasonOf(ledger.request(old.id, []))).toBe('not_found')
    })

    test('lists newest first, by every filter, page by page', async () => {
      const { ledger } = await fresh()
      const start = Date.UTC(2026, 10, 20)
      const rows = Array.from({ length: 30 }, (_, index) =>
        requestRow({
          started: start + Math.floor(index / 4) * 40_000_000,
          id: idAt(start + index),
          provider: index % 2 === 0 ? 'north' : 'south',
          accountId: index % 3 === 0 ? 'acme' : 'default',
          status: index % 5 === 0 ? 'error' : 'ok',
        }),
      )
      await ledger.append(rows, [])
      const order = rows.toSorted((a, b) => b.started - a.started || (a.id < b.id ? 1 : -1))
      const listed: string[] = []
      let cursor: string | undefined
      do {
        const page = await ledger.requests({}, 'all', { limit: 7, cursor })
        listed.push(...page.rows.map(({ id }) => id))
        cursor = page.nextCursor
      } while (cursor !== undefined)
      expect(listed).toEqual(order.map(({ id }) => id))
      const filtered = await ledger.requests(
        { provider: 'north', status: 'ok', since: start + 40_000_000, until: start + 200_000_000 },
        ['acme'],
        { limit: 100 },
      )
      const wanted = order.filter(
        (row) =>
          row.provider === 'north' &&
          row.status === 'ok' &&
          row.accountId === 'acme' &&
          row.started >= start + 40_000_000 &&
          row.started < start + 200_000_000,
      )
      expect(wanted.length).toBeGreaterThan(1)
      expect(filtered.rows.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id))
    })

    test('concurrent appends from three stores lose nothing and charge once', async () => {
      const location = await newLocation()
      const stores = await Promise.all([open(location), open(location), open(location)])
      const started = Date.now()
      const rows = Array.from({ length: 600 }, (_, index) =>
        requestRow({ started: started + index, accountId: `a${index % 5}`, costNanoUsd: BigInt(index) }),
      )
      const batches = stores.flatMap((store, index) =>
        [0, 100, 200, 300, 400, 500].map((from) =>
          // Every row is given by two of them.
          store.ledger.append(
            rows
              .slice(from, from + 100)
              .filter((_, at) => at % 3 !== index)
              .toReversed(),
            [],
          ),
        ),
      )
      await Promise.all(batches)
      const [store] = stores
      expect((await store.ledger.requests({}, 'all', { limit: 1000 })).rows).toEqual(rows.toReversed())
      const charges = await store.accounts.charges('all')
      expect(charges.map(({ requests }) => requests)).toEqual([120n, 120n, 120n, 120n, 120n])
      expect(charges.reduce((sum, { nanoUsd }) => sum + nanoUsd, 0n)).toBe(BigInt((599 * 600) / 2))
    })

    test('who follows gets every row in the order it was taken in', async () => {
      const location = await newLocation()
      const [first, second] = await Promise.all([open(location), open(location)])
      await first.ledger.append([requestRow()], [])
      let { rows, position } = await first.ledger.follow(undefined, {}, 'all', 10)
      expect(rows).toEqual([])
      const started = Date.now()
      const sent = Array.from({ length: 90 }, (_, index) => requestRow({ started: started - index * 1000 }))
      const appends = Array.from({ length: 30 }, (_, index) =>
        (index % 2 === 0 ? first : second).ledger.append(sent.slice(index * 3, index * 3 + 3), []),
      )
      const seen: string[] = []
      const done = Promise.all(appends)
      let over = false
      void done.then(() => (over = true))
      for (;;) {
        const last = over
        ;({ rows, position } = await second.ledger.follow(position, {}, 'all', 7))
        seen.push(...rows.map(({ id }) => id))
        if (last && rows.length === 0) break
      }
      await done
      expect(seen.toSorted()).toEqual(sent.map(({ id }) => id).toSorted())
      expect(await reasonOf(first.ledger.follow('x', {}, 'all', 1))).toBe('invalid_request')
    })

    test('content lies apart, in its scope, until its time', async () => {
      const { ledger } = await fresh()
      const row = requestRow({ accountId: 'acme' })
      const content = {
        id: row.id,
        accountId: 'acme',
        request: '{"a":"\\u0000"}',
        response: '{}',
        expires: Date.now() + 60_000,
      }
      const past = { ...content, id: 'past', expires: Date.now() - 1 }
      await ledger.append([row], [content, past])
      await ledger.append([row], [{ ...content, request: 'other' }])
      expect(await ledger.content(row.id, ['acme'])).toEqual(content)
      expect(await reasonOf(ledger.content(row.id, ['default']))).toBe('not_found')
      expect(await reasonOf(ledger.content('past', 'all'))).toBe('not_found')
    })
  })
}
