import type { Batch } from '#gen/switchyard/v1/batch_pb.ts'
import type { RequestRecord } from '#gen/switchyard/v1/usage_pb.ts'
import type { LineRow } from '../../../src/store/contract.ts'
import { tokensOf } from '../ledger/upstream.ts'
import { temperOf } from './upstream.ts'

/** A line of a result file. */
export interface Result {
  readonly custom_id: string
  readonly response: { readonly status_code: number; readonly request_id: string; readonly body: unknown } | null
  readonly error: { readonly code: string } | null
}

/** Everything that was said of one batch. */
export interface Accounts {
  /** What was asked, in its order. */
  readonly ids: readonly string[]
  readonly batch: Batch
  /** The lines as the store has them. */
  readonly lines: readonly LineRow[]
  /** What is in the files. */
  readonly done: readonly Result[]
  readonly failed: readonly Result[]
  /** The whole request log, and what its accounts are charged in nano-USD. */
  readonly rows: readonly RequestRecord[]
  readonly charged: bigint
  /** How often the upstream was asked, by question. */
  readonly asked: ReadonlyMap<string, number>
  /** What is left in spools, when all have stopped. */
  readonly open: readonly string[]
}

/** What is wrong with a batch and its books, a line each; nothing when all agree. */
export function auditBatch(accounts: Accounts): string[] {
  return [...auditResults(accounts), ...auditUsage(accounts), ...auditLedger(accounts)]
}

/** Every line has one result, the right one, in the order of the input. */
function auditResults({ ids, batch, lines, done, failed }: Accounts): string[] {
  const wrong: string[] = []
  const refused = ids.filter((id) => temperOf(id) === 'refused')
  const well = ids.filter((id) => temperOf(id) !== 'refused')
  const named = (results: readonly Result[]): string => results.map(({ custom_id: id }) => id).join(' ')
  if (named(done) !== well.join(' ')) wrong.push(difference('output', well, done))
  if (named(failed) !== refused.join(' ')) wrong.push(difference('errors', refused, failed))
  for (const { custom_id: id, response } of done) {
    if (!JSON.stringify(response?.body).includes(`answer to ${id}"`)) wrong.push(`${id} has another answer`)
  }
  for (const { custom_id: id, response } of failed)
    if (response?.status_code !== 400) wrong.push(`${id} failed with ${response?.status_code}`)
  const counts = [batch.total, batch.completed, batch.failed].map(Number).join(' ')
  if (counts !== `${ids.length} ${well.length} ${refused.length}`) wrong.push(`the batch counts ${counts}`)
  if (lines.length !== ids.length) wrong.push(`the store has ${lines.length} lines`)
  return wrong
}

function difference(what: string, due: readonly string[], seen: readonly Result[]): string {
  const names = seen.map(({ custom_id: id }) => id)
  const missing = due.filter((id) => !names.includes(id))
  const twice = names.filter((id, at) => names.indexOf(id) !== at)
  return `${what}: ${names.length} of ${due.length}; missing ${missing.slice(0, 5).join(' ')}; twice ${twice.slice(0, 5).join(' ')}`
}

/** Tokens of lines, of their rows, and of the batch are the same. */
function auditUsage({ batch, lines, done, failed, rows }: Accounts): string[] {
  const wrong: string[] = []
  const byId = new Map(rows.map((row) => [row.id, row]))
  let [input, output] = [0, 0]
  for (const { custom_id: id, response } of [...done, ...failed]) {
    const row = byId.get(response?.request_id ?? '')
    if (row === undefined) {
      wrong.push(`${id} has no row`)
      continue
    }
    const due = temperOf(id) === 'refused' ? { input: 0, output: 0 } : tokensOf(id)
    const told = { input: row.usage?.inputTokens ?? 0, output: row.usage?.outputTokens ?? 0 }
    if (told.input !== due.input || told.output !== due.output)
      wrong.push(`${id} consumed ${JSON.stringify(due)}, its row says ${JSON.stringify(told)}`)
    input += told.input
    output += told.output
  }
  const sums = (field: 'inputTokens' | 'outputTokens'): number =>
    lines.reduce((sum, { usage }) => sum + (usage[field] ?? 0), 0)
  const three = [
    [input, output],
    [sums('inputTokens'), sums('outputTokens')],
    [batch.usage?.inputTokens, batch.usage?.outputTokens],
  ].map((pair) => pair.join('+'))
  if (new Set(three).size !== 1) wrong.push(`rows, lines and batch have ${three.join(', ')}`)
  return wrong
}

/** Every call that was made is in the log, and charged, once. */
function auditLedger({ rows, charged, asked, open }: Accounts): string[] {
  const wrong: string[] = []
  const calls = [...asked.values()].reduce((sum, times) => sum + times, 0)
  const lost = rows.filter(({ reason }) => reason === 'gateway_lost').length
  if (rows.length < calls) wrong.push(`the upstream was asked ${calls} times, and there are ${rows.length} rows`)
  if (rows.length - lost > calls) wrong.push(`${rows.length - lost} rows tell of ${calls} calls`)
  if (new Set(rows.map(({ id }) => id)).size !== rows.length) wrong.push('a row is there twice')
  const cost = rows.reduce((sum, { costNanoUsd = 0n }) => sum + costNanoUsd, 0n)
  if (cost !== charged) wrong.push(`rows cost ${cost}, and accounts are charged ${charged}`)
  return [...wrong, ...open]
}
