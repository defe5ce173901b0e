import { timestampDate } from '@bufbuild/protobuf/wkt'
import { toJson } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import { type RequestRecord, RequestRecordSchema, UsageService } from '#gen/switchyard/v1/usage_pb.ts'
import type { Surroundings } from './surroundings.ts'
import { explainFailure, type GatewayFlags, gatewayClient } from './rpc-client.ts'
import { printable } from './table.ts'

/** What `switchyard tail` takes on the command line. */
export interface TailFlags extends GatewayFlags {
  readonly provider?: string | undefined
  readonly model?: string | undefined
  readonly key?: string | undefined
  readonly status?: string | undefined
  readonly json?: boolean | undefined
}

const statuses = ['ok', 'error', 'cancelled']

/**
 * Follows the request log of a running gateway, a line for each call, until the signal is aborted. Resolves with the exit code: 2 for
 * flags that make no sense.
 */
export async function tail(
  flags: TailFlags,
  { env, stdout, stderr }: Surroundings,
  signal: AbortSignal,
): Promise<number> {
  const { provider = '', model = '', key: keyId = '', status = '' } = flags
  if (flags.status !== undefined && !statuses.includes(status)) {
    stderr.write(`switchyard: --status: one of ${statuses.join(', ')}\n`)
    return 2
  }
  try {
    const rows = gatewayClient(UsageService, flags, env).tailRequests(
      { filter: { provider, model, keyId, status } },
      { signal },
    )
    for await (const row of rows)
      stdout.write(flags.json === true ? `${JSON.stringify(toJson(RequestRecordSchema, row))}\n` : `${lineOf(row)}\n`)
    return 0
  } catch (error) {
    if (signal.aborted && ConnectError.from(error).code === Code.Canceled) return 0
    stderr.write(`switchyard: ${explainFailure(error)}\n`)
    return 1
  }
}

function lineOf(row: RequestRecord): string {
  const { started, usage, costNanoUsd, reason } = row
  const time = started === undefined ? '' : timestampDate(started).toISOString().slice(11, 23)
  const cost = costNanoUsd === undefined ? '' : ` $${(Number(costNanoUsd) / 1e9).toFixed(6)}`
  const outcome = row.status === 'ok' ? 'ok' : `${row.status} ${reason}`
  return [
    time,
    row.id,
    row.keyId,
    row.dialect,
    row.operation,
    `${row.alias} -> ${row.provider}/${row.model}`,
    outcome,
    `${usage?.inputTokens ?? 0}+${usage?.outputTokens ?? 0} tokens${cost}`,
    `${Math.round(row.duration)} ms`,
  ]
    .map(printable)
    .join('  ')
}
