import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { toJson } from '@bufbuild/protobuf'
import { QueryUsageResponseSchema, UsageDimension, type UsageRow, UsageService } from '#gen/switchyard/v1/usage_pb.ts'
import type { Surroundings } from './surroundings.ts'
import { explainFailure, type GatewayFlags, gatewayClient } from './rpc-client.ts'
import { bar, type Column, csv, table } from './table.ts'
import { timeForm, timeOf } from './time.ts'

/** What `switchyard usage` takes on the command line. */
export interface UsageFlags extends GatewayFlags {
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly by: string
  readonly format: string
}

const dimensions = new Map(
  Object.entries(UsageDimension)
    .filter(([, value]) => typeof value === 'number' && value !== 0)
    .map(([word, value]): [string, UsageDimension] => [word.toLowerCase(), value as UsageDimension]),
)

/**
 * Shows sums over the request log of a running gateway: a table with bars, or CSV or JSON. Resolves with the exit code: 0, 1 when
 * the gateway refuses or is not there, 2 for flags that make no sense.
 */
export async function usage(flags: UsageFlags, { env, stdout, stderr }: Surroundings): Promise<number> {
  const by = flags.by.split(',').filter((word) => word !== '')
  const unknown = by.find((word) => !dimensions.has(word))
  const problem =
    unknown !== undefined
      ? `--by: "${unknown}" is none of ${[...dimensions.keys()].join(', ')}`
      : !['table', 'csv', 'json'].includes(flags.format)
        ? '--format: table, csv or json'
        : (badTime('--since', flags.since) ?? badTime('--until', flags.until))
  if (problem !== undefined) {
    stderr.write(`switchyard: ${problem}\n`)
    return 2
  }
  try {
    const answer = await gatewayClient(UsageService, flags, env).queryUsage({
      filter: { ...timeField('since', flags.since), ...timeField('until', flags.until) },
      groupBy: by.flatMap((word) => dimensions.get(word) ?? []),
    })
    if (flags.format === 'json') stdout.write(`${JSON.stringify(toJson(QueryUsageResponseSchema, answer), null, 2)}\n`)
    else if (flags.format === 'csv') stdout.write(csv(columns(by), answer.rows))
    else stdout.write(asTable(by, answer.rows, answer.total))
    return 0
  } catch (error) {
    stderr.write(`switchyard: ${explainFailure(error)}\n`)
    return 1
  }
}

function badTime(flag: string, text: string | undefined): string | undefined {
  if (text === undefined || !Number.isNaN(timeOf(text))) return undefined
  return `${flag}: ${timeForm}`
}

function timeField(name: 'since' | 'until', text: string | undefined) {
  return text === undefined ? {} : { [name]: timestampFromMs(timeOf(text)) }
}

const barWidth = 24

function asTable(by: readonly string[], rows: readonly UsageRow[], total: UsageRow | undefined): string {
  const weightOf = (row: UsageRow): number => Number(row.costNanoUsd ?? 0n) || Number(row.requests) / 1e9
  const heaviest = Math.max(...rows.map(weightOf), Number.MIN_VALUE)
  const drawn: Column<UsageRow>[] = [
    ...columns(by),
    { title: '', cell: (row) => (rows.includes(row) ? bar(weightOf(row) / heaviest, barWidth) : '') },
  ]
  const all = total === undefined ? [] : [{ ...total, group: by.map((_, at) => (at === 0 ? 'total' : '')) }]
  return table(drawn, [...rows, ...(by.length === 0 ? all.slice(0, rows.length === 0 ? 1 : 0) : all)])
}

function columns(by: readonly string[]): Column<UsageRow>[] {
  const count = (title: string, of: (row: UsageRow) => bigint | undefined): Column<UsageRow> => ({
    title,
    cell: (row) => String(of(row) ?? 0n),
    right: true,
  })
  return [
    ...by.map((title, at): Column<UsageRow> => ({ title, cell: ({ group }) => group[at] ?? '' })),
    count('requests', ({ requests }) => requests),
    count('errors', ({ errors }) => errors),
    count('input', ({ usage: sums }) => sums?.inputTokens),
    count('output', ({ usage: sums }) => sums?.outputTokens),
    { title: 'cost_usd', cell: ({ costNanoUsd }) => usd(costNanoUsd), right: true },
    count('unpriced', ({ unpricedRequests }) => unpricedRequests),
    { title: 'p50_ms', cell: ({ duration }) => Math.round(duration?.p50 ?? 0).toString(), right: true },
    { title: 'p95_ms', cell: ({ duration }) => Math.round(duration?.p95 ?? 0).toString(), right: true },
  ]
}

/** US dollars to the millionth; nothing where no price is known. */
function usd(nano: bigint | undefined): string {
  return nano === undefined ? '' : (Number(nano) / 1e9).toFixed(6)
}
