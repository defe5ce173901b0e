import { sql } from 'kysely'
import type { SqlEngine, Writing } from './engine.ts'

/** What an account is charged. */
export interface Charge {
  readonly accountId: string
  readonly nanoUsd: bigint
  readonly requests: number
}

/** Adds to what accounts are charged, in the order of their ids. */
export async function chargeAccounts(engine: SqlEngine, writing: Writing, charges: readonly Charge[]): Promise<void> {
  const sums = new Map<string, Charge>()
  for (const { accountId, nanoUsd, requests } of charges) {
    const sum = sums.get(accountId)
    sums.set(accountId, {
      accountId,
      nanoUsd: nanoUsd + (sum?.nanoUsd ?? 0n),
      requests: requests + (sum?.requests ?? 0),
    })
  }
  const rows = [...sums.values()]
    .toSorted((a, b) => (a.accountId < b.accountId ? -1 : 1))
    .map(({ accountId, nanoUsd, requests }) => ({ account_id: accountId, nano_usd: String(nanoUsd), requests }))
  const ending = sql`
    on conflict (account_id) do update set
      nano_usd = account_charge.nano_usd + excluded.nano_usd,
      requests = account_charge.requests + excluded.requests`
  await engine.insertAll(writing, 'account_charge', rows, ending)
}
