import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { KeyService } from '#gen/switchyard/v1/key_pb.ts'
import { type RequestRecord, UsageService } from '#gen/switchyard/v1/usage_pb.ts'
import type { Tokens } from './upstream.ts'
import type { Outcome } from './ways.ts'

/** The three ledgers: what clients were told, what the upstream did, what the gateway kept. */
export interface Books {
  readonly clients: ReadonlyMap<string, Outcome>
  readonly upstream: ReadonlyMap<string, Tokens>
  readonly rows: readonly RequestRecord[]
  /** What the gateway's accounts are charged, in nano-USD. */
  readonly charged: bigint
  /** Calls that the gateway's spools still hold, by what is left to do with them. */
  readonly open: readonly string[]
}

/** Every row of a running gateway, and what its accounts are charged. */
export async function readGateway(url: string): Promise<Pick<Books, 'rows' | 'charged'>> {
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1' })
  const usage = createClient(UsageService, transport)
  const rows: RequestRecord[] = []
  let cursor = ''
  do {
    const page = await usage.listRequests({ limit: 1000, cursor })
    rows.push(...page.requests)
    cursor = page.nextCursor
  } while (cursor !== '')
  const { accounts } = await createClient(KeyService, transport).listAccounts({ limit: 1000 })
  return { rows, charged: accounts.reduce((sum, { chargedNanoUsd }) => sum + chargedNanoUsd, 0n) }
}

/** What is left in the spools of a data folder whose gateway has stopped. */
export function openCalls(dataDir: string): string[] {
  const spools = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /spool[^/]*\.db$/.test(name),
  )
  return spools.flatMap((name) => {
    const database = new DatabaseSync(join(dataDir, name), { readOnly: true })
    try {
      return ['intents', 'settlements'].flatMap((table) =>
        database
          .prepare(`select * from ${table}`)
          .all()
          .map((row) => `${table} of ${name}: ${Object.values(row).map(String).join(' ').slice(0, 200)}`),
      )
    } finally {
      database.close()
    }
  })
}

/** What is wrong with the books, a line each; nothing when they agree. */
export function audit({ clients, upstream, rows, charged, open }: Books): string[] {
  const byCall = Map.groupBy(rows, ({ clientRequestId }) => clientRequestId)
  const wrong: string[] = []
  for (const [id, outcome] of clients) {
    const own = byCall.get(id) ?? []
    if (own.length > 1) wrong.push(`I1: ${id} has ${own.length} rows`)
    wrong.push(...wrongWith(id, outcome, own[0], upstream.get(id)))
  }
  for (const id of upstream.keys())
    if (!byCall.has(id)) wrong.push(`I2: the upstream was called for ${id}, which has no row`)
  for (const { id, clientRequestId } of rows)
    if (!clients.has(clientRequestId)) wrong.push(`I3: row ${id} is of no call: ${JSON.stringify(clientRequestId)}`)
  const costs = rows.reduce((sum, { costNanoUsd = 0n }) => sum + costNanoUsd, 0n)
  if (costs !== charged) wrong.push(`I4: rows cost ${costs} nano-USD, accounts are charged ${charged}`)
  if (costs === 0n && rows.length > 0) wrong.push('I4: no row has a cost, so nothing was compared')
  wrong.push(...open.map((call) => `I5: left open: ${call}`))
  return wrong
}

/** What a client was told beside the row of its call. What was refused before a provider was asked need not survive: that is I2. */
function wrongWith(
  id: string,
  outcome: Outcome,
  row: RequestRecord | undefined,
  counted: Tokens | undefined,
): string[] {
  if (outcome.kind === 'refused') return row?.status === 'ok' ? [`I1: ${id} was refused, its row is ok`] : []
  if (outcome.kind === 'broken') return []
  if (row === undefined) return [`I1: ${id} was acknowledged, and has no row`]
  const { input, output } = outcome.tokens
  const { inputTokens = 0, outputTokens = 0 } = row.usage ?? {}
  return [
    ...(row.status === 'ok' ? [] : [`I1: ${id} was acknowledged, its row says ${row.status} ${row.reason}`]),
    ...(input === inputTokens && output === outputTokens
      ? []
      : [`I1: ${id} was told ${input}+${output} tokens, its row has ${inputTokens}+${outputTokens}`]),
    ...(counted?.input === input && counted.output === output
      ? []
      : [`I1: ${id} was told other tokens than the upstream counted`]),
  ]
}
