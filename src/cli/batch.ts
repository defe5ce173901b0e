import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { timestampDate } from '@bufbuild/protobuf/wkt'
import {
  type Batch,
  BatchService,
  BatchStatus,
  FileService,
  ListBatchesRequestSchema,
  type UploadFileRequestSchema,
} from '#gen/switchyard/v1/batch_pb.ts'
import { batchStatusOf, batchStatusWord, batchStatusWords } from '../dialects/batch-status.ts'
import { BatchProgress } from './batch-progress.ts'
import { explainFailure, type GatewayFlags, gatewayClient } from './rpc-client.ts'
import type { Surroundings } from './surroundings.ts'
import { table } from './table.ts'

/** What `switchyard batch submit` takes on the command line. */
export interface SubmitFlags extends GatewayFlags {
  readonly endpoint?: string | undefined
  readonly window?: string | undefined
  readonly outputPrefix?: string | undefined
  /** `name=value`, each. */
  readonly metadata?: readonly string[] | undefined
  readonly watch?: boolean | undefined
}

/** What `switchyard batch list` takes on the command line. */
export interface ListFlags extends GatewayFlags {
  readonly status?: string | undefined
  readonly limit: string
}

/** Milliseconds between two looks at a batch. */
const lookEvery = 500

/** Bytes of a file that are sent in one message. */
const pieceBytes = 256 * 1024

/**
 * Makes a batch of a file of this machine, which is uploaded first, of one that the gateway has, or of a URL, and prints its id. With
 * `watch` it goes on as that does. Resolves with the exit code: 2 for flags that make no sense.
 */
export async function submitBatch(
  input: string,
  flags: SubmitFlags,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<number> {
  const metadata = metadataOf(flags.metadata ?? [])
  if (metadata === undefined) return complain(surroundings, '--metadata: must be like name=value', 2)
  const { endpoint = '', window: completionWindow = '', outputPrefix = '' } = flags
  return await asking(surroundings, async () => {
    const id = isRemote(input) ? input : await upload(input, flags, surroundings)
    const asked = { input: id, endpoint, completionWindow, outputPrefix, metadata }
    const batch = await gatewayClient(BatchService, flags, surroundings.env).createBatch(asked)
    surroundings.stdout.write(`${batch.id}\n`)
    return flags.watch === true ? await follow(batch.id, flags, surroundings, signal) : 0
  })
}

/** Lists batches, newest first. Resolves with the exit code. */
export async function listBatches(flags: ListFlags, surroundings: Surroundings): Promise<number> {
  const status = flags.status === undefined ? BatchStatus.UNSPECIFIED : batchStatusOf(flags.status)
  if (status === undefined) return complain(surroundings, `--status: one of ${batchStatusWords.join(', ')}`, 2)
  if (!/^[1-9]\d{0,2}$/.test(flags.limit)) return complain(surroundings, '--limit: a whole number from 1 to 999', 2)
  return await asking(surroundings, async () => {
    const asked = create(ListBatchesRequestSchema, { status, limit: Number(flags.limit) })
    const { batches } = await gatewayClient(BatchService, flags, surroundings.env).listBatches(asked)
    surroundings.stdout.write(asTable(batches))
    return 0
  })
}

/**
 * Shows how a batch gets on until it ends or the signal is aborted: a bar on a terminal, else a line for each change. Resolves with the
 * exit code: 0 when it is completed, 1 when it ended otherwise.
 */
export async function watchBatch(
  id: string,
  flags: GatewayFlags,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<number> {
  return await asking(surroundings, () => follow(id, flags, surroundings, signal))
}

/** Cancels a batch, whose lines that are done are kept. Resolves with the exit code. */
export async function cancelBatch(id: string, flags: GatewayFlags, surroundings: Surroundings): Promise<number> {
  return await asking(surroundings, async () => {
    const { status } = await gatewayClient(BatchService, flags, surroundings.env).cancelBatch({ id })
    surroundings.stdout.write(`${batchStatusWord(status) ?? ''}\n`)
    return 0
  })
}

async function asking({ stderr }: Surroundings, ask: () => Promise<number>): Promise<number> {
  try {
    return await ask()
  } catch (error) {
    stderr.write(`switchyard: ${explainFailure(error)}\n`)
    return 1
  }
}

function complain({ stderr }: Surroundings, problem: string, code: number): number {
  stderr.write(`switchyard: ${problem}\n`)
  return code
}

function metadataOf(pairs: readonly string[]): Record<string, string> | undefined {
  if (pairs.some((pair) => pair.indexOf('=') < 1)) return undefined
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}

/** What is named by an id or a URL is there already. */
function isRemote(input: string): boolean {
  return input.includes('://') || /^file-[0-9a-f]{32}$/.test(input)
}

async function upload(path: string, flags: GatewayFlags, { env }: Surroundings): Promise<string> {
  const unreadable = new Error(`the file ${path} cannot be read`)
  await using file = await open(path).catch(() => Promise.reject(unreadable))
  const facts = await file.stat()
  if (facts.isDirectory()) throw unreadable
  const stored = await gatewayClient(FileService, flags, env).uploadFile(pieces(path, file, BigInt(facts.size)))
  return stored.id
}

type Piece = MessageInitShape<typeof UploadFileRequestSchema>

async function* pieces(path: string, file: Awaited<ReturnType<typeof open>>, size: bigint): AsyncGenerator<Piece> {
  const facts = { name: basename(path), purpose: 'batch', mediaType: 'application/jsonl', size }
  yield { kind: { case: 'file', value: facts } }
  for await (const data of file.createReadStream({ highWaterMark: pieceBytes, autoClose: false }))
    yield { kind: { case: 'data', value: data as Uint8Array<ArrayBuffer> } }
}

async function follow(
  id: string,
  flags: GatewayFlags,
  { env, stdout }: Surroundings,
  signal: AbortSignal,
): Promise<number> {
  const client = gatewayClient(BatchService, flags, env)
  const progress = new BatchProgress(stdout)
  while (!signal.aborted) {
    const batch = await client.getBatch({ id })
    progress.show(batch)
    if (batch.finished !== undefined) {
      progress.end(batch)
      return batch.status === BatchStatus.COMPLETED ? 0 : 1
    }
    await setTimeout(lookEvery, undefined, { signal }).catch(() => undefined)
  }
  progress.leave()
  return 0
}

function asTable(batches: readonly Batch[]): string {
  return table(
    [
      { title: 'id', cell: ({ id }) => id },
      { title: 'status', cell: ({ status }) => batchStatusWord(status) ?? '' },
      { title: 'total', cell: ({ total }) => String(total), right: true },
      { title: 'completed', cell: ({ completed }) => String(completed), right: true },
      { title: 'failed', cell: ({ failed }) => String(failed), right: true },
      { title: 'created', cell: ({ created }) => (created === undefined ? '' : timestampDate(created).toISOString()) },
      { title: 'output', cell: ({ outputFileId }) => outputFileId },
      { title: 'errors', cell: ({ errorFileId }) => errorFileId },
    ],
    batches,
  )
}
