import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { type Batch, BatchService } from '#gen/switchyard/v1/batch_pb.ts'
import type { RequestRecord } from '#gen/switchyard/v1/usage_pb.ts'
import { openStore } from '../../../src/store/open.ts'
import type { LineRow } from '../../../src/store/contract.ts'
import { s3Account, startS3, type S3Server } from '../../services/s3.ts'
import { openCalls, readGateway } from '../ledger/books.ts'
import { GatewayProcess } from '../ledger/gateway.ts'
import { auditBatch, type Result } from './audit.ts'
import { type PacedUpstream, startPacedUpstream, temperOf } from './upstream.ts'

/** What to do to those who work on a batch. */
export interface BatchFaultsOptions {
  readonly lines: number
  /** How often each of them is killed. */
  readonly kills: number
  /** Of PostgreSQL, which three processes share; SQLite and one process without. */
  readonly databaseUrl?: string
  readonly say?: (line: string) => void
}

/** How it went. */
export interface BatchFaultsResult {
  readonly workers: number
  readonly kills: number
  readonly upstreamCalls: number
  readonly rows: number
  /** Calls whose process was killed before they ended. */
  readonly lost: number
  /** Calls that came back when another had taken their line over: what they brought belongs to no line. */
  readonly late: number
  readonly seconds: number
  /** What is wrong, a line each. */
  readonly wrong: readonly string[]
}

/** After how long others take over: milliseconds. */
const leaseMs = 1000

/** Lines that each works on at once. */
const linesAtOnce = 16

/**
 * Lets several processes work on one batch, kills each of them again and again, lets one be frozen for longer than its lease and come
 * back late, and compares results, lines, batch, request log and charges in the end.
 */
export async function runBatchFaults(options: BatchFaultsOptions): Promise<BatchFaultsResult> {
  const { lines, kills, databaseUrl, say = () => {} } = options
  const began = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-batch-'))
  const upstream = await startPacedUpstream()
  await using s3 = await startS3()
  const config = writeConfig(folder, upstream, s3)
  const env = {
    UP_API_KEY: 'key',
    BATCH_SECRET: s3Account.secretAccessKey,
    ...(databaseUrl !== undefined && { SWITCHYARD_DATABASE_URL: databaseUrl }),
  }
  const dataDirs = Array.from({ length: databaseUrl === undefined ? 1 : 3 }, (_, at) => join(folder, `data-${at}`))
  const workers = dataDirs.map((dataDir) => new GatewayProcess(config, dataDir, env))
  try {
    await Promise.all(workers.map((worker) => worker.start()))
    const ids = Array.from({ length: lines }, (_, at) => `line-${at}`)
    ;(s3.objects as Map<string, Buffer>).set('/files/in.jsonl', Buffer.from(ids.map(lineOf).join('')))
    const { id } = await clientOf(workers).createBatch({ input: 's3://files/in.jsonl', outputPrefix: 's3://files/' })
    await disturb(workers, upstream, lines, kills, say)
    const batch = await endOf(workers, id, say)
    await Promise.all(workers.map((worker) => worker.stop()))
    const stored = await storedLines(databaseUrl ?? join(dataDirs[0] ?? '', 'switchyard.db'), id)
    const open = dataDirs.flatMap(openCalls)
    await workers[0]?.start()
    const { rows, charged } = await readGateway(workers[0]?.url ?? '')
    const [done, failed] = ['output', 'error'].map((name) => resultsIn(s3, `/files/${id}_${name}.jsonl`))
    const results = [...(done ?? []), ...(failed ?? [])]
    const known = new Set(results.map(({ response }) => response?.request_id))
    return {
      workers: workers.length,
      kills: kills * workers.length,
      upstreamCalls: [...upstream.asked.values()].reduce((sum, times) => sum + times, 0),
      rows: rows.length,
      lost: rows.filter(({ reason }) => reason === 'gateway_lost').length,
      late: rows.filter((row) => isLate(row) && !known.has(row.id)).length,
      seconds: Math.round((performance.now() - began) / 1000),
      wrong: auditBatch({
        ids,
        batch,
        lines: stored,
        done: done ?? [],
        failed: failed ?? [],
        rows,
        charged,
        asked: upstream.asked,
        open,
      }),
    }
  } finally {
    for (const worker of workers) {
      worker.wake()
      worker.kill()
      await worker.ended()
    }
    await upstream.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Ended well, or was ended since the line was no longer one's own. */
function isLate({ status, reason }: RequestRecord): boolean {
  return status === 'ok' || reason === 'shutting_down'
}

function writeConfig(folder: string, upstream: PacedUpstream, s3: S3Server): string {
  const path = join(folder, 'config.yaml')
  const settings = {
    retries: { per_target: 0 },
    log: { level: 'silent' },
    media: { folder: join(folder, 'files') },
    providers: [{ name: 'up', type: 'openai', base_url: upstream.url, env_var: 'UP_API_KEY' }],
    batches: {
      concurrency: linesAtOnce,
      per_batch: 1000,
      lease: `${leaseMs}ms`,
      poll: '100ms',
      tries: 10,
      pause: '10ms',
      longest_pause: '100ms',
      s3: {
        endpoint: s3.endpoint,
        region: s3Account.region,
        buckets: [s3Account.bucket],
        access_key_id: s3Account.accessKeyId,
        env_var: 'BATCH_SECRET',
      },
    },
  }
  // Every JSON text is YAML.
  writeFileSync(path, JSON.stringify(settings))
  return path
}

function lineOf(id: string): string {
  const body = { model: 'up/gpt-4o', messages: [{ role: 'user', content: id }] }
  return `${JSON.stringify({ custom_id: id, method: 'POST', url: '/v1/chat/completions', body })}\n`
}

/** A client of one of those that listen. */
function clientOf(workers: readonly GatewayProcess[]) {
  const url = workers.find((worker) => worker.url !== '')?.url
  if (url === undefined) throw new Error('nobody listens')
  return createClient(BatchService, createConnectTransport({ baseUrl: url, httpVersion: '1.1' }))
}

/**
 * Kills one after the other, evenly over the batch: the first while its input is read, the last when all has been asked. In the midst
 * of it one is frozen beside that, and comes back late. A worker is killed again only when it is up again.
 */
async function disturb(
  workers: readonly GatewayProcess[],
  upstream: PacedUpstream,
  lines: number,
  kills: number,
  say: (line: string) => void,
): Promise<void> {
  const total = kills * workers.length
  const frozenAfter = workers.length > 1 ? Math.floor(total / 2) : undefined
  const starting = workers.map(() => Promise.resolve(true))
  for (let turn = 0; turn < total; turn++) {
    const due = Math.floor((lines * turn) / Math.max(1, total - 1))
    upstream.letPass(due)
    while (upstream.asked.size < due) await setTimeout(5)
    const at = turn % workers.length
    const worker = workers[at]
    await starting[at]
    if (worker === undefined) break
    await setTimeout(Math.random() * 60)
    worker.kill()
    await worker.ended()
    starting[at] = worker.start()
    say(`kill ${turn + 1} of ${total}: ${upstream.asked.size} of ${lines} lines were asked`)
    if (turn !== frozenAfter) continue
    // It is the last one to be killed again.
    await Promise.all(starting)
    await freeze(worker, upstream, due, say)
  }
  upstream.letPass(Infinity)
  await Promise.all(starting)
}

/** Freezes a worker with calls under way for longer than its lease, until others have asked what it had asked. */
async function freeze(
  worker: GatewayProcess,
  upstream: PacedUpstream,
  due: number,
  say: (line: string) => void,
): Promise<void> {
  // More than the others can have under way, so that this one has some too.
  await until(() => upstream.waiting.length > 2 * linesAtOnce)
  worker.freeze()
  const before = new Map(upstream.waiting.map((id) => [id, upstream.asked.get(id) ?? 0]))
  await setTimeout(1.2 * leaseMs)
  // Now its lines are anybody's, and the others get room for them.
  upstream.letPass(due + 6 * linesAtOnce)
  // It may hold a lock of the database, which is taken from it after a while.
  await until(() => [...before].some(([id, times]) => temperOf(id) === 'well' && (upstream.asked.get(id) ?? 0) > times))
  await setTimeout(leaseMs)
  worker.wake()
  say('one was frozen beyond its lease')
}

/** Waits for something, for a while. */
async function until(met: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1500 && !met(); turn++) await setTimeout(10)
}

async function endOf(workers: readonly GatewayProcess[], id: string, say: (line: string) => void): Promise<Batch> {
  let last = ''
  for (let turn = 0; turn < 6000; turn++) {
    const batch = await clientOf(workers).getBatch({ id })
    if (batch.finished !== undefined) return batch
    const now = `${batch.completed} done, ${batch.failed} failed`
    if (now !== last && turn % 50 === 0) say(now)
    last = now
    await setTimeout(100)
  }
  throw new Error('the batch does not end')
}

async function storedLines(location: string, id: string): Promise<LineRow[]> {
  const store = await openStore(location)
  try {
    const lines: LineRow[] = []
    for (;;) {
      const some = await store.batches.lines(id, lines.at(-1)?.line ?? 0, 1000)
      if (some.length === 0) return lines
      lines.push(...some)
    }
  } finally {
    await store.close()
  }
}

function resultsIn(s3: S3Server, path: string): Result[] {
  const said = s3.objects.get(path)?.toString().trimEnd() ?? ''
  return said === '' ? [] : said.split('\n').map((line) => JSON.parse(line) as Result)
}
