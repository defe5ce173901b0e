import { randomBytes } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { type CreateBatchRequest, ListBatchesResponseSchema } from '#gen/switchyard/v1/batch_pb.ts'
import { openPrincipal, scopeOf } from '../core/admit.ts'
import type { Principal } from '../core/contract.ts'
import { batchStatusWord } from '../dialects/batch-status.ts'
import type { BatchOperations } from '../dialects/surface.ts'
import { fail } from '../error/index.ts'
import { type BatchStore, defaultAccountId, type NewBatch } from '../store/contract.ts'
import type { FileKeeper, Places, Refusal } from './contract.ts'
import { batchMessage } from './messages.ts'

/** What the operations are made of. */
export interface BatchOperationsParts {
  readonly store: BatchStore
  readonly files: Pick<FileKeeper, 'open'>
  readonly places: Places
  readonly refusal: Refusal
  /** Milliseconds: the completion window that is the default and the longest. */
  readonly windowMs: number
  /** There is something to do. */
  readonly wake: () => void
}

const defaultLimit = 50

/** Metadata as OpenAI's API has it: https://platform.openai.com/docs/api-reference/batch/create */
const mostMetadata = { pairs: 16, key: 64, value: 512 } as const

/** Batches, for one caller. */
export function batchOperations(parts: BatchOperationsParts, caller: Principal): BatchOperations {
  const { store, files, places, refusal, windowMs, wake } = parts
  const scope = scopeOf(caller)

  return {
    async create(request, dialect) {
      const { input, endpoint, outputPrefix } = request
      const batch = newBatch(request, caller, dialect, windowMs)
      const refused = endpoint === '' ? undefined : refusal('POST', endpoint)
      if (refused !== undefined) throw fail('invalid_request', `endpoint: ${refused.message}`, { param: 'endpoint' })
      if (outputPrefix !== '') places.checkOutput(outputPrefix)
      if (input.includes('://')) places.checkInput(input)
      else await files.open(input, [batch.accountId])
      await store.create(batch)
      wake()
      return batchMessage(await store.batch(batch.id, scope))
    },

    async get(id) {
      return batchMessage(await store.batch(id, scope))
    },

    async list({ status, limit, cursor, after }) {
      const page = {
        limit: limit === 0 ? defaultLimit : limit,
        ...(cursor !== '' && { cursor }),
        ...(after !== '' && { after }),
      }
      const { rows, nextCursor } = await store.batches(batchStatusWord(status), scope, page)
      return create(ListBatchesResponseSchema, { batches: rows.map(batchMessage), nextCursor: nextCursor ?? '' })
    },

    async cancel(id) {
      const row = await store.cancel(id, scope, Date.now())
      wake()
      return batchMessage(row)
    },
  }
}

function newBatch(
  { input, endpoint, completionWindow, metadata, outputPrefix }: CreateBatchRequest,
  caller: Principal,
  dialect: string,
  windowMs: number,
): NewBatch {
  checkMetadata(metadata)
  const created = Date.now()
  return {
    id: `batch_${randomBytes(16).toString('hex')}`,
    accountId: caller.accounts[0] ?? defaultAccountId,
    keyId: caller === openPrincipal ? '' : caller.keyId,
    dialect,
    input,
    endpoint,
    completionWindow: completionWindow === '' ? windowText(windowMs) : completionWindow,
    metadata,
    outputPrefix,
    created,
    expires: created + windowOf(completionWindow, windowMs),
  }
}

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of a window such as "24h". Throws `invalid_request` for one that is none, or longer than batches may take. */
function windowOf(text: string, most: number): number {
  if (text === '') return most
  const [, amount = '', unit = ''] = /^([1-9]\d{0,5})([mhd])$/.exec(text) ?? []
  const milliseconds = Number(amount) * (units[unit] ?? 0)
  if (milliseconds >= 1 && milliseconds <= most) return milliseconds
  const message = `completion_window: must be like "24h", and at most ${windowText(most)}`
  throw fail('invalid_request', message, { param: 'completion_window' })
}

function windowText(milliseconds: number): string {
  const hours = milliseconds / 3_600_000
  return Number.isInteger(hours) ? `${hours}h` : `${Math.ceil(milliseconds / 60_000)}m`
}

function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  const pairs = Object.entries(metadata)
  const { pairs: most, key: longestKey, value: longestValue } = mostMetadata
  const isGood =
    pairs.length <= most && pairs.every(([key, value]) => key.length <= longestKey && value.length <= longestValue)
  if (isGood) return
  const message = `metadata: at most ${most} pairs, keys of ${longestKey} and values of ${longestValue} characters`
  throw fail('invalid_request', message, { param: 'metadata' })
}
