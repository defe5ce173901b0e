import { setTimeout } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import {
  ListRequestsResponseSchema,
  QueryUsageResponseSchema,
  type RequestRecord,
} from '#gen/switchyard/v1/usage_pb.ts'
import { scopeOf } from '../core/admit.ts'
import type { Principal } from '../core/contract.ts'
import type { UsageOperations } from '../dialects/surface.ts'
import { GatewayError } from '../error/index.ts'
import type { AccountScope, ContentRow, LedgerStore, RequestFilter } from '../store/contract.ts'
import type { LiveStats } from './live-stats.ts'
import { filterOf, groupMessage, recordMessage } from './usage-messages.ts'

/** What the operations are made of. */
export interface UsageParts {
  readonly store: LedgerStore
  /** Brings every call that this process has settled into the store, so that whoever made a call finds it. */
  readonly flush: () => Promise<void>
  readonly live: LiveStats
  /** Throws `unauthenticated` when the caller would not be let in any more. */
  readonly requireStill: (caller: Principal) => void
}

const defaultLimit = 50
/** Milliseconds between two looks of whoever follows the log. */
const tailEvery = 200
/** Rows of one look; when there are more, the next look follows at once. */
const tailBatch = 200

/** The request log and sums over it, for one caller. */
export function usageOperations({ store, flush, live, requireStill }: UsageParts, caller: Principal): UsageOperations {
  const scope = scopeOf(caller)
  return {
    async query({ filter, groupBy }) {
      await flush()
      const { total, groups } = await store.usage(filterOf(filter), groupBy, scope)
      return create(QueryUsageResponseSchema, { total: groupMessage(total), rows: groups.map(groupMessage) })
    },
    async request(id) {
      await flush()
      const row = await store.request(id, scope)
      return recordMessage(row, await keptContent(store, row.id, scope))
    },
    async requests({ filter, limit, cursor }) {
      await flush()
      const page = { limit: limit === 0 ? defaultLimit : limit, ...(cursor !== '' && { cursor }) }
      const { rows, nextCursor } = await store.requests(filterOf(filter), scope, page)
      return create(ListRequestsResponseSchema, {
        requests: rows.map((row) => recordMessage(row)),
        nextCursor: nextCursor ?? '',
      })
    },
    tail: ({ filter }, signal) =>
      follow({ store, filter: filterOf(filter), scope, signal, requireStill: () => requireStill(caller) }),
    live: () => live.read(),
  }
}

async function keptContent(store: LedgerStore, id: string, scope: AccountScope): Promise<ContentRow | undefined> {
  try {
    return await store.content(id, scope)
  } catch (error) {
    if (error instanceof GatewayError && error.reason === 'not_found') return undefined
    throw error
  }
}

interface Following {
  readonly store: LedgerStore
  readonly filter: RequestFilter
  readonly scope: AccountScope
  readonly signal: AbortSignal
  readonly requireStill: () => void
}

/** Rows as they come. It may go on for days, so at each look it is asked anew whether the caller may still see them. */
async function* follow(following: Following): AsyncGenerator<RequestRecord, void, void> {
  const { store, filter, scope, signal, requireStill } = following
  let { position } = await store.follow(undefined, filter, scope, 1)
  while (!signal.aborted) {
    const step = await store.follow(position, filter, scope, tailBatch)
    requireStill()
    position = step.position
    for (const row of step.rows) yield recordMessage(row)
    if (step.rows.length < tailBatch) await pause(signal)
  }
}

/** Waits for the next look; an abort ends the wait. */
async function pause(signal: AbortSignal): Promise<void> {
  await setTimeout(tailEvery, undefined, { signal }).catch(() => undefined)
}
