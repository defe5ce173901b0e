import { describe, expect, test } from 'vitest'
import { UsageDimension } from '../../../src/gen/switchyard/v1/usage_pb.ts'
import { usage } from '../../../src/model/usage.ts'
import type { AccountScope, RequestFilter, RequestRow, Store, UsageGroup } from '../../../src/store/contract.ts'
import { dimensions, summed } from '../../../src/store/sql/sum-columns.ts'
import { type Bed, reasonOf } from './bed.ts'
import { idAt, requestRow } from './rows.ts'

const hour = 3_600_000
const day = 24 * hour
const firstDay = Date.UTC(2026, 9, 29)

/** Numbers that look random and are the same every time. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

/** Calls over five days around the end of a month, of all kinds. */
function someCalls(count: number): readonly RequestRow[] {
  const roll = dice(7)
  return Array.from({ length: count }, () => {
    const started = firstDay + roll(5 * day)
    const status = (['ok', 'ok', 'ok', 'error', 'cancelled'] as const)[roll(5)] ?? 'ok'
    return requestRow({
      id: idAt(started),
      started,
      status,
      accountId: `account-${roll(3)}`,
      keyId: `key-${roll(4)}`,
      provider: roll(2) === 0 ? 'north' : 'south',
      model: `model-${roll(3)}`,
      alias: roll(2) === 0 ? 'fast' : 'Smart "é"',
      operation: roll(4) === 0 ? 'embed' : 'chat',
      dialect: roll(2) === 0 ? 'openai' : 'anthropic',
      usage: usage({
        inputTokens: roll(10_000),
        outputTokens: roll(500),
        audioSeconds: roll(8) / 4,
        estimated: roll(2) === 0,
      }),
      costNanoUsd: roll(4) === 0 ? undefined : BigInt(roll(1_000_000)) * 1_000_003n,
      duration: Math.exp(roll(1_000_000) / 100_000),
      timeToFirstEvent: status === 'ok' ? roll(2000) + 0.5 : undefined,
    })
  })
}

const label: Readonly<Record<number, (row: RequestRow) => string>> = {
  [UsageDimension.PROVIDER]: (row) => row.provider,
  [UsageDimension.MODEL]: (row) => row.model,
  [UsageDimension.ALIAS]: (row) => row.alias,
  [UsageDimension.KEY]: (row) => row.keyId,
  [UsageDimension.ACCOUNT]: (row) => row.accountId,
  [UsageDimension.OPERATION]: (row) => row.operation,
  [UsageDimension.DIALECT]: (row) => row.dialect,
  [UsageDimension.STATUS]: (row) => row.status,
  [UsageDimension.HOUR]: (row) => `${new Date(row.started).toISOString().slice(0, 13)}:00:00Z`,
  [UsageDimension.DAY]: (row) => `${new Date(row.started).toISOString().slice(0, 10)}T00:00:00Z`,
  [UsageDimension.MONTH]: (row) => `${new Date(row.started).toISOString().slice(0, 7)}-01T00:00:00Z`,
}

/** The sums as one adds them up by hand. */
function addUp(rows: readonly RequestRow[]) {
  const priced = rows.filter(({ costNanoUsd }) => costNanoUsd !== undefined)
  const sum = (of: (row: RequestRow) => number) => rows.reduce((all, row) => all + of(row), 0)
  return {
    requests: BigInt(rows.length),
    errors: BigInt(rows.filter(({ status }) => status === 'error').length),
    inputTokens: sum((row) => row.usage.inputTokens),
    outputTokens: sum((row) => row.usage.outputTokens),
    audioSeconds: sum((row) => row.usage.audioSeconds),
    estimatedRequests: sum((row) => Number(row.usage.estimated)),
    costNanoUsd: priced.length === 0 ? undefined : priced.reduce((all, row) => all + (row.costNanoUsd ?? 0n), 0n),
    unpricedRequests: BigInt(rows.length - priced.length),
  }
}

function told(group: UsageGroup) {
  const { inputTokens, outputTokens, audioSeconds, estimatedRequests } = group.usage
  const { requests, errors, costNanoUsd, unpricedRequests } = group
  return { requests, errors, inputTokens, outputTokens, audioSeconds, estimatedRequests, costNanoUsd, unpricedRequests }
}

/** That percentiles are those of the values, by nearest rank, within five per cent. */
function expectPercentiles(found: UsageGroup['duration'], values: readonly number[]): void {
  const order = values.toSorted((a, b) => a - b)
  for (const [name, share] of [
    ['p50', 0.5],
    ['p95', 0.95],
    ['p99', 0.99],
  ] as const) {
    const exact = order[Math.ceil(order.length * share) - 1] ?? 0
    expect(Math.abs(found[name] - exact)).toBeLessThanOrEqual(exact * 0.05)
  }
  const mean = values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
  expect(found.mean).toBeCloseTo(mean, 2)
}

function expectGroup(found: UsageGroup, rows: readonly RequestRow[]): void {
  expect(told(found)).toEqual(addUp(rows))
  expectPercentiles(
    found.duration,
    rows.map(({ duration }) => duration),
  )
  expectPercentiles(
    found.timeToFirstEvent,
    rows.map(({ timeToFirstEvent }) => timeToFirstEvent).filter((time) => time !== undefined),
  )
}

async function expectUsage(
  store: Store,
  rows: readonly RequestRow[],
  filter: RequestFilter,
  groupBy: readonly UsageDimension[],
  scope: AccountScope = 'all',
): Promise<void> {
  const { since = 0, until = Number.POSITIVE_INFINITY, ...equal } = filter
  const counted = rows.filter(
    (row) =>
      row.started >= since &&
      row.started < until &&
      (scope === 'all' || scope.includes(row.accountId)) &&
      Object.entries(equal).every(([field, value]) => row[field as keyof RequestRow] === value),
  )
  const { total, groups } = await store.ledger.usage(filter, groupBy, scope)
  expectGroup(total, counted)
  expect(total.group).toEqual([])
  if (groupBy.length === 0) {
    expect(groups).toEqual([])
    return
  }
  const byName = Map.groupBy(counted, (row) => groupBy.map((dimension) => label[dimension]?.(row) ?? '').join('\0'))
  const names = [...byName.keys()].toSorted()
  expect(groups.map(({ group }) => group.join('\0'))).toEqual(names)
  for (const group of groups) expectGroup(group, byName.get(group.group.join('\0')) ?? [])
}

/** Sums over the request log. */
export function usageSuite({ fresh, open, newLocation, execute }: Bed): void {
  describe('usage', () => {
    const { HOUR, DAY, MONTH, PROVIDER, MODEL, ALIAS, KEY, ACCOUNT, OPERATION, DIALECT, STATUS } = UsageDimension

    test('is what adding up the rows gives, whatever is asked', async () => {
      const store = await fresh()
      const rows = someCalls(1500)
      for (let from = 0; from < rows.length; from += 250) await store.ledger.append(rows.slice(from, from + 250), [])
      await store.ledger.append(rows.slice(100, 200), [])
      const roll = dice(11)
      const edge = () => firstDay + roll(5 * day)
      await expectUsage(store, rows, {}, [])
      await expectUsage(store, rows, {}, [DAY])
      await expectUsage(store, rows, {}, [MONTH, PROVIDER, MODEL, ALIAS, KEY, ACCOUNT, OPERATION, DIALECT, STATUS])
      await expectUsage(store, rows, { provider: 'north' }, [HOUR])
      await expectUsage(store, rows, { alias: 'Smart "é"', status: 'ok' }, [STATUS, DAY])
      await expectUsage(
        store,
        rows,
        { keyId: 'key-1', operation: 'chat', dialect: 'openai' },
        [MODEL],
        ['account-1', 'account-2'],
      )
      await expectUsage(store, rows, { model: 'model-0', accountId: 'account-0' }, [MONTH], ['account-1'])
      await expectUsage(store, rows, {}, [ACCOUNT], [])
      for (let tries = 0; tries < 12; tries += 1) {
        const [since = 0, until = 0] = [edge(), edge()].toSorted((a, b) => a - b)
        const groupBy = [[DAY], [HOUR, STATUS], [PROVIDER], []][tries % 4] ?? []
        await expectUsage(store, rows, { since, until }, groupBy)
      }
      const [start = 0, end = 0] = rows.map(({ started }) => started).toSorted((a, b) => a - b)
      await expectUsage(store, rows, { since: start, until: end }, [HOUR])
      await expectUsage(store, rows, { since: start + 1, until: end + 1 }, [DAY, KEY])
      expect(await reasonOf(store.ledger.usage({}, [UsageDimension.UNSPECIFIED], 'all'))).toBe('invalid_request')
    })

    test('keeps no names that led nowhere: anybody can ask for any name', async () => {
      const { ledger } = await fresh()
      const start = Math.floor(Date.now() / day) * day - 2 * day
      const nowhere = { provider: '', model: '', vendor: '', status: 'error', reason: 'model_not_found' } as const
      const rows = Array.from({ length: 6 }, (_, index) =>
        requestRow({ ...nowhere, alias: `no-${index}`, started: start + index * 20 * 60_000, costNanoUsd: undefined }),
      )
      await ledger.append([...rows, requestRow({ started: start, alias: 'fast' })], [])
      const edges = { since: start + 1, until: start + 110 * 60_000 }
      for (const [filter, requests] of [
        [{}, 6n],
        [edges, 5n],
        [{ ...edges, alias: '' }, 5n],
      ] as const) {
        const { groups } = await ledger.usage(filter, [ALIAS], 'all')
        expect(groups.find(({ group: [alias] }) => alias === '')).toMatchObject({ requests, errors: requests })
        expect(groups.length).toBeLessThanOrEqual(2)
      }
      expect(await ledger.rerate(0, () => ({ costNanoUsd: 2n, priceVersion: 'v' }))).toEqual({ looked: 7, changed: 7 })
      expect((await ledger.usage({ alias: '' }, [], 'all')).total.costNanoUsd).toBe(12n)
    })

    test('by more groups than can be held is refused, and whatever else is asked is not', async () => {
      const location = await newLocation()
      const { ledger } = await open(location)
      await ledger.append([requestRow()], [])
      const kept = dimensions.filter((dimension) => dimension !== 'model').join(', ')
      const numbers = 'with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)'
      await execute(
        location,
        `insert into usage_combination (id, model, ${kept}) ${numbers} select i, 'model-' || i, ${kept} from usage_combination, n`,
      )
      const sums = summed.join(', ')
      const copied = `select start, i, ${sums} from usage_day, n`
      await execute(location, `insert into usage_day (start, combination, ${sums}) ${numbers} ${copied}`)
      expect(await reasonOf(ledger.usage({}, [MODEL], 'all'))).toBe('invalid_request')
      expect((await ledger.usage({}, [DAY], 'all')).groups).toMatchObject([{ requests: 20_001n }])
      expect((await ledger.usage({ model: 'model-7' }, [MODEL], 'all')).groups).toMatchObject([{ requests: 1n }])
    })

    test('of nothing is zero, with no price', async () => {
      const { ledger } = await fresh()
      const { total, groups } = await ledger.usage({ since: 5 }, [PROVIDER], 'all')
      expect(groups).toEqual([])
      expect(told(total)).toEqual({ ...addUp([]), costNanoUsd: undefined })
      expect(total.duration).toEqual({ p50: 0, p95: 0, p99: 0, mean: 0 })
    })

    test('rerating gives rows, sums and charges the new cost, also while rows come in', async () => {
      const location = await newLocation()
      const [store, other] = await Promise.all([open(location), open(location)])
      const rows = someCalls(1300)
      await store.ledger.append(rows.slice(0, 700), [])
      const since = firstDay + 2 * day
      const price = ({ usage: { inputTokens } }: RequestRow) => ({
        costNanoUsd: inputTokens % 7 === 0 ? undefined : BigInt(inputTokens) * 1000n,
        priceVersion: 'new',
      })
      const rerated = store.ledger.rerate(since, price)
      for (let from = 700; from < rows.length; from += 60) await other.ledger.append(rows.slice(from, from + 60), [])
      const { looked, changed } = await rerated
      expect(looked).toBeGreaterThan(0)
      expect(changed).toBeLessThanOrEqual(looked)
      const again = await store.ledger.rerate(since, price)
      expect(await store.ledger.rerate(since, price)).toEqual({ looked: again.looked, changed: 0 })
      const now = rows.map((row) => (row.started >= since ? { ...row, ...price(row) } : row))
      expect(again.looked).toBe(now.filter(({ started }) => started >= since).length)
      await expectUsage(store, now, {}, [DAY, ACCOUNT])
      await expectUsage(store, now, { since: since + 1_000_000, until: since + 7_000_000 }, [HOUR])
      const charges = await store.accounts.charges('all')
      const byAccount = Map.groupBy(now, ({ accountId }) => accountId)
      expect(charges).toEqual(
        [...byAccount.keys()].toSorted().map((accountId) => {
          const { costNanoUsd, requests } = addUp(byAccount.get(accountId) ?? [])
          return { accountId, nanoUsd: costNanoUsd ?? 0n, requests }
        }),
      )
    })

    test('retention drops rows and content, and keeps sums to the hour', async () => {
      const location = await newLocation()
      const [{ ledger, accounts }, other] = await Promise.all([open(location), open(location)])
      const rows = someCalls(900)
      const now = Date.now()
      const content = ['old', 'new'].map((id, index) => ({
        id,
        accountId: 'default',
        request: '{}',
        response: '{}',
        expires: now + index * hour + hour,
      }))
      await other.ledger.append(rows, content)
      const before = firstDay + 2 * day + 5 * hour + 1234
      const cut = firstDay + 2 * day + 5 * hour
      const whole = await ledger.usage({}, [DAY, STATUS], 'all')
      const charges = await accounts.charges('all')
      await ledger.retain(before, now + hour)
      const left = (await ledger.requests({}, 'all', { limit: 1000 })).rows
      expect(left).toHaveLength(rows.filter(({ started }) => started >= cut).length)
      expect(left.every(({ started }) => started >= cut)).toBe(true)
      expect(await ledger.usage({}, [DAY, STATUS], 'all')).toEqual(whole)
      expect(await accounts.charges('all')).toEqual(charges)
      const dropped = await ledger.usage({ since: firstDay + hour - 1, until: firstDay + 9 * hour - 1 }, [], 'all')
      expectGroup(
        dropped.total,
        rows.filter(({ started }) => started >= firstDay + hour && started < firstDay + 9 * hour),
      )
      expect(await reasonOf(ledger.content('old', 'all'))).toBe('not_found')
      expect((await ledger.content('new', 'all')).id).toBe('new')
      // A row that arrives late is taken in all the same, also by whoever does not know what was dropped.
      const late = requestRow({ started: firstDay + 5 })
      await other.ledger.append([late], [])
      expect(await ledger.request(late.id, 'all')).toEqual(late)
      await ledger.retain(before, now + hour)
      expect(await reasonOf(ledger.request(late.id, 'all'))).toBe('not_found')
      expect((await ledger.usage({}, [], 'all')).total.requests).toBe(BigInt(rows.length + 1))
    })
  })
}
