import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ConnectError } from '@connectrpc/connect'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { audit, openCalls, readGateway } from './books.ts'
import { GatewayProcess } from './gateway.ts'
import { type Moment, moments, Points } from './points.ts'
import { startUpstream } from './upstream.ts'
import { type Connection, connect, type Outcome, type Way, ways } from './ways.ts'

/** What to do to a gateway, and how often. */
export interface CyclesOptions {
  readonly cycles: number
  /** Of PostgreSQL; SQLite in the gateway's data folder without. */
  readonly databaseUrl?: string
  readonly concurrency?: number
  /** Done while calls are made, in the first cycle, before anything is killed: a store that goes away and comes back. */
  readonly meanwhile?: () => Promise<void>
  readonly say?: (line: string) => void
}

/** How it went. */
export interface CyclesResult {
  readonly calls: number
  readonly acknowledged: number
  readonly refused: number
  readonly broken: number
  readonly upstreamCalls: number
  readonly rows: number
  readonly lost: number
  readonly kills: Readonly<Record<string, number>>
  /** What is wrong with the books, a line each. */
  readonly wrong: readonly string[]
}

/** What is asked for: a model with a price, most of the time. */
const models = ['up/gpt-4o', 'gpt-4o', 'gpt-4o-mini', 'up/gpt-4o', 'up/no-price-known']

/**
 * Kills a gateway under load, again and again, at random and at named moments, each time starts it on the same data, and in the end
 * compares what its clients were told, what its upstream was asked, and what it has in its own books.
 */
export async function runCycles(options: CyclesOptions): Promise<CyclesResult> {
  const { cycles, databaseUrl, concurrency = 50, say = () => {} } = options
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-ledger-'))
  const points = new Points()
  const upstream = await startUpstream(points)
  const config = join(folder, 'config.yaml')
  const provider = { name: 'up', type: 'openai', base_url: upstream.url, env_var: 'UP_API_KEY' }
  const settings = { retries: { per_target: 0 }, log: { level: 'silent' }, providers: [provider] }
  // Every JSON text is YAML.
  writeFileSync(config, JSON.stringify(settings))
  const dataDir = join(folder, 'data')
  const env = { UP_API_KEY: 'key', ...(databaseUrl !== undefined && { SWITCHYARD_DATABASE_URL: databaseUrl }) }
  const gateway = new GatewayProcess(config, dataDir, env)
  const clients = new Map<string, Outcome>()
  const kills: Record<string, number> = {}
  try {
    await gateway.start()
    for (let cycle = 0; cycle < cycles; cycle++) {
      const moment = await runCycle(cycle, { gateway, clients, points, concurrency, meanwhile: options.meanwhile })
      kills[moment] = (kills[moment] ?? 0) + 1
      say(`cycle ${cycle + 1} of ${cycles}: killed at ${moment}; ${clients.size} calls so far`)
    }
    const { rows, charged } = await settledBooks(gateway.url)
    await gateway.stop()
    const open = openCalls(dataDir)
    const count = (kind: Outcome['kind']): number => [...clients.values()].filter((one) => one.kind === kind).length
    return {
      calls: clients.size,
      acknowledged: count('acknowledged'),
      refused: count('refused'),
      broken: count('broken'),
      upstreamCalls: upstream.calls.size,
      rows: rows.length,
      lost: rows.filter(({ reason }) => reason === 'gateway_lost').length,
      kills,
      wrong: audit({ clients, upstream: upstream.calls, rows, charged, open }),
    }
  } finally {
    points.disarm()
    gateway.kill()
    await gateway.ended()
    await upstream.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Cycle {
  readonly gateway: GatewayProcess
  readonly clients: Map<string, Outcome>
  readonly points: Points
  readonly concurrency: number
  readonly meanwhile: (() => Promise<void>) | undefined
}

/** Loads the gateway, kills it at some moment, and starts it again. Gives the moment's name. */
async function runCycle(cycle: number, { gateway, clients, points, concurrency, meanwhile }: Cycle): Promise<string> {
  const named: readonly (Moment | undefined)[] = [undefined, ...moments]
  const moment = named[cycle % named.length]
  const connection = connect(gateway.url, points)
  const stop = new AbortController()
  const workers = Array.from({ length: concurrency }, (_, at) => work(connection, clients, at, stop.signal))
  try {
    if (cycle === 0) await meanwhile?.()
    await setTimeout(100 + Math.random() * 200)
    if (moment === undefined || moment === 'starting' || moment === 'started') {
      await setTimeout(Math.random() * 300)
      gateway.kill()
    } else {
      points.arm(moment, 1 + Math.floor(Math.random() * 40), () => gateway.kill())
      await Promise.race([gateway.ended(), setTimeout(5000)])
      gateway.kill()
    }
    await gateway.ended()
  } finally {
    points.disarm()
    stop.abort()
    await Promise.all(workers)
    await connection.agent.destroy()
  }
  await restart(gateway, moment)
  return moment ?? 'random'
}

/** Starts the gateway again; for the moments of a start, kills it once more in the midst of what it does then. */
async function restart(gateway: GatewayProcess, moment: Moment | undefined): Promise<void> {
  if (moment === 'starting') {
    const starting = gateway.start()
    await setTimeout(150 + Math.random() * 500)
    gateway.kill()
    await starting
  }
  if (moment === 'started' && (await gateway.start())) gateway.kill()
  await gateway.ended()
  await gateway.start()
}

/** Makes calls, one after the other, until told to stop or until nobody answers. */
async function work(
  connection: Connection,
  clients: Map<string, Outcome>,
  at: number,
  signal: AbortSignal,
): Promise<void> {
  const all = Object.entries(ways)
  for (let turn = at; !signal.aborted; turn++) {
    const [, way] = all[turn % all.length] ?? []
    if (way === undefined) return
    const id = randomUUID()
    const outcome = await outcomeOf(way, connection, id, models[turn % models.length] ?? '')
    clients.set(id, outcome)
    // Nobody is there any more, or will be soon: one look in a while is enough.
    if (outcome.kind === 'broken') await setTimeout(20)
  }
}

async function outcomeOf(way: Way, connection: Connection, id: string, model: string): Promise<Outcome> {
  try {
    return await way(connection, id, model)
  } catch (error) {
    const told = error instanceof ConnectError ? error.findDetails(ErrorInfoSchema)[0] : undefined
    return told === undefined ? { kind: 'broken' } : { kind: 'refused', status: told.reason }
  }
}

/** The gateway's books, once nothing is added to them any more. */
async function settledBooks(url: string): ReturnType<typeof readGateway> {
  let before = await readGateway(url)
  for (let turn = 0; turn < 100; turn++) {
    await setTimeout(500)
    const now = await readGateway(url)
    if (now.rows.length === before.rows.length && now.charged === before.charged) return now
    before = now
  }
  throw new Error('the books did not come to rest')
}
