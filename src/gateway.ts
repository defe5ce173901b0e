import { join } from 'node:path'
import type { Logger as Pino } from 'pino'
import { openCatalog } from './catalog/index.ts'
import { filesOf } from './config/files.ts'
import { batchesOf } from './config/batch-work.ts'
import { videoSettings } from './config/videos.ts'
import type { Config, Environment } from './config/load.ts'
import { declaredProviders, workshopOf } from './config/providers.ts'
import type { Pricing, Principal } from './core/contract.ts'
import { createCore } from './core/core.ts'
import { serverDialects } from './dialects/servers.ts'
import { fail } from './error/index.ts'
import { contentOf } from './files/open.ts'
import { fileOperations } from './files/operations.ts'
import { Leases } from './idempotency/leases.ts'
import { Once } from './idempotency/once.ts'
import { sealedAnswers } from './idempotency/sealed.ts'
import { sweepAnswers } from './idempotency/sweep.ts'
import { patienceMs } from './idempotency/turn.ts'
import { Videos } from './jobs/videos.ts'
import { createFirstKey } from './keys/first.ts'
import { keyOperations } from './keys/operations.ts'
import { KeyTable } from './keys/table.ts'
import { type OpenLedger, openLedger } from './ledger/ledger.ts'
import { catalogPricing } from './ledger/pricing.ts'
import { LiveStats } from './observe/live-stats.ts'
import { callLog, tell } from './observe/log.ts'
import { createMetrics, type Metrics } from './observe/metrics.ts'
import { openTracing } from './observe/tracing.ts'
import { usageOperations } from './observe/usage-operations.ts'
import { createEgress, type Egress, type Network } from './provider/egress.ts'
import { loadPlugins } from './provider/load.ts'
import { MediaReader } from './provider/media.ts'
import { Providers } from './registry/live.ts'
import { modelKinds } from './registry/kinds.ts'
import { outputLimits } from './registry/limits.ts'
import { registryOperations } from './registry/operations.ts'
import { isLocal } from './server/address.ts'
import { openEdge } from './server/edge.ts'
import { openUploadFolder } from './server/upload-file.ts'
import type { Store } from './store/contract.ts'
import { openLate } from './store/late.ts'
import { Mirror } from './store/mirror.ts'
import { isPostgres, openStore, storeLocation } from './store/open.ts'
import { version } from './version.ts'

/** What a gateway is started with. */
export interface GatewayOptions {
  readonly config: Config
  readonly env: Environment
  readonly log: Pino
  /** How names are resolved and connections opened; the system's own ways unless a test brings others. */
  readonly network?: Network
}

/** A gateway that takes calls. */
export interface RunningGateway {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly keysRequired: boolean
  /** The first key of all, when this start made it: to be shown once, and kept nowhere. */
  readonly firstKey: string | undefined
  readonly providers: readonly { readonly name: string; readonly type: string; readonly models: readonly string[] }[]
  /** Drains: takes no new connections, lets open calls finish up to the drain time, then ends them with an error that says so. */
  stop(): Promise<void>
}

const plugins = new URL('../plugins/', import.meta.url)

/** Time for the last error frames to leave after the drain time is over, in milliseconds. */
const lastWordsMs = 1000

/** Time for what is in the spool to reach the store at the end, in milliseconds; what does not is moved after the next start. */
const lastRowsMs = 5000

/** Time for the calls of this process to reach the store before somebody who asks for them is answered without, in milliseconds. */
const flushMs = 2000

const dayMs = 86_400_000

/**
 * Puts a gateway together and opens its port. This file alone knows every part. Rejects with a one-line message for a bad
 * plugin or provider, for a store that cannot be used, and for a port in use. On an address that is not loopback nobody is
 * let in without a key, and a gateway that never had one makes its first.
 */
export async function startGateway({ config, env, log, network }: GatewayOptions): Promise<RunningGateway> {
  // What is open already is closed again when something later fails.
  await using opened = new AsyncDisposableStack()
  const store = await openStoreOf({ config, env, log })
  opened.defer(() => store.close())
  const metrics = createMetrics()
  const catalog = openCatalog()
  const pricing = catalogPricing(catalog)
  const ledger = await openLedgerOf({ config, env, log }, store, metrics, pricing)
  opened.defer(() => ledger?.close(lastRowsMs))
  const mirror = await Mirror.open({ store, folder: config.data_dir, log })
  metrics.store.watch(() => mirror.fresh)
  const configured = config.keys.map(({ hash, ...rule }) => ({ ...rule, sha256: hash.slice('sha256:'.length) }))
  const closed = !isLocal(config.server.host)
  const keys = new KeyTable(configured, { maxAgeMs: config.store.keys_without_store, closed })
  await mirror.follow(keys)
  const first = { store: store.accounts, refresh: () => mirror.refresh(), log }
  await using firstKey = closed && keys.keyless ? await createFirstKey(first) : undefined
  const egress = createEgress({ connectTimeoutMs: config.timeouts.connect, ...network })
  opened.defer(() => egress.close())
  const loaded = await loadPlugins({ builtIn: plugins, named: config.plugins, baseDir: process.cwd() })
  const sources = { config, env, plugins: loaded, egress, log }
  const workshop = workshopOf(sources)
  const providers = await Providers.open({ workshop, ...declaredProviders(sources), aliases: config.aliases })
  opened.defer(() => providers.close())
  opened.defer(() => mirror.close())
  await mirror.follow(providers)
  requireTargets(providers, mirror)
  const registry = {
    live: providers,
    store: store.registry,
    workshop,
    refresh: () => mirror.refresh(),
    catalog,
    timeouts: { firstEvent: config.timeouts.first_event, total: config.timeouts.total },
  }
  const files = await filesOf({ config, env, egress, store, sealer: workshop.sealer, log })
  opened.defer(() => files.close())
  const batches = await batchesOf({
    ...sources,
    store,
    files: files.vault,
    dialects: serverDialects,
    principalOf: (keyId) => keys.principalOf(keyId),
    hold: () => ledger?.hold(),
    watch: metrics.batches,
  })
  metrics.batches.watch(() => batches.levels)
  const live = new LiveStats()
  const usage = {
    store: store.ledger,
    flush: () => flush(ledger),
    live,
    requireStill: (caller: Principal) => keys.requireStill(caller),
  }
  const traces = await openTracing(env, version)
  opened.defer(async () => {
    // A collector that is gone, or refuses, is no reason not to stop well.
    await traces.close().catch((err: unknown) => log.warn({ err }, 'the last traces could not be sent'))
  })
  const videos = new Videos({
    store: store.videos,
    vault: files.vault,
    open: async (id, scope) => contentOf(await files.vault.open(id, scope)),
    registry: providers,
    egress,
    pricing,
    keepsRows: ledger !== undefined,
    settings: videoSettings(config.videos),
    log,
  })
  const calls = createCore({
    keys,
    surface: (principal) => ({
      registry: registryOperations(registry, principal),
      keys: keyOperations({ store: store.accounts, refresh: () => mirror.refresh() }, principal),
      usage: usageOperations(usage, principal),
      batches: batches.operations(principal),
      files: fileOperations(files, principal),
      videos: videos.operations(principal),
    }),
    registry: providers,
    egress,
    log,
    media: mediaReader(config, egress),
    ...(files.publisherOf !== undefined && { publisherOf: files.publisherOf }),
    recorder: tell([metrics, live, callLog(log)]),
    tracing: traces.tracing,
    ...(ledger !== undefined && { ledger }),
    pricing,
    outputLimit: outputLimits(providers, catalog),
    operationsOf: modelKinds(providers, catalog),
    keepsContent: (account) => keys.keepsContent(account),
    timeouts: {
      connect: config.timeouts.connect,
      firstEvent: config.timeouts.first_event,
      betweenEvents: config.timeouts.between_events,
      total: config.timeouts.total,
    },
    retries: {
      perTarget: config.retries.per_target,
      budget: config.retries.budget,
      maxRetryAfterMs: config.retries.max_retry_after,
    },
  })
  const { total, write } = config.timeouts
  const leases = new Leases({ store: store.idempotency, mostMs: total + write + patienceMs })
  opened.defer(() => leases.close())
  const answers = sealedAnswers(store.idempotency, workshop.sealer.derive('switchyard kept answers'))
  const once = new Once({ store: answers, maxBytes: config.idempotency.max_bytes, leases, log })
  opened.defer(sweepAnswers(store.idempotency, log))
  const core = videos.within(calls)
  const edge = await openEdge({
    address: config.server,
    tls: config.server.tls,
    origins: config.server.cors.origins,
    core,
    once,
    uploads: {
      folder: await openUploadFolder(join(config.data_dir, 'uploads')),
      bytes: config.server.upload_limit_bytes,
    },
    bodyBytes: config.server.body_limit_bytes,
    fileBytes: config.media.max_file_bytes,
    bodyIdleMs: config.timeouts.request_body,
    longestMs: total,
    writeMs: write,
    linked: (id, query) => files.linked(id, query),
    metrics: () => metrics.expose(),
    version,
    log,
  })
  batches.start(core)
  videos.start()
  const names = providers.current.providers.map(({ record }) => record.name)
  log.info({ ...edge.address, providers: names }, 'listening')

  const parts = opened.move()
  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    const over = new AbortController()
    const graceMs = config.server.drain_seconds * 1000
    const lastCall = setTimeout(() => over.abort(fail('shutting_down', 'the gateway is stopping')), graceMs)
    await Promise.all([edge.stop(over.signal, graceMs + lastWordsMs), batches.stop(over.signal), videos.stop()])
    clearTimeout(lastCall)
    await parts.disposeAsync()
    log.info({}, 'stopped')
  }
  return {
    url: edge.url,
    ...edge.address,
    keysRequired: keys.required,
    firstKey: firstKey?.show(),
    providers: providers.current.providers.map(({ record, models }) => ({
      name: record.name,
      type: record.type,
      models: models.map(({ id }) => id),
    })),
    stop: () => (stopped ??= stop()),
  }
}

/** What reads the URLs in requests, within the limits of the configuration. */
function mediaReader({ media }: Config, egress: Egress): MediaReader {
  return new MediaReader(egress, {
    bytes: media.fetch_limit_bytes,
    totalBytes: media.fetch_total_bytes,
    heldBytes: media.fetch_held_bytes,
    count: media.fetch_count,
    timeoutMs: media.fetch_timeout,
  })
}

/** The request log, unless it is turned off. */
async function openLedgerOf(
  { config, log }: GatewayOptions,
  store: Store,
  metrics: Metrics,
  pricing: Pricing,
): Promise<OpenLedger | undefined> {
  const { enabled, max_spool_bytes: maxSpoolBytes, content_days: contentDays, retention_days: days } = config.ledger
  if (!enabled) return undefined
  const ledger = await openLedger({
    folder: config.data_dir,
    maxSpoolBytes,
    store: store.ledger,
    pricing,
    keptMs: days === 0 ? Infinity : days * dayMs,
    contentMs: contentDays * dayMs,
    log,
    watch: metrics.ledger,
  })
  metrics.ledger.watch(() => ledger.state, maxSpoolBytes)
  return ledger
}

/** Brings what this process has settled into the store, if that is possible soon. */
async function flush(ledger: OpenLedger | undefined): Promise<void> {
  try {
    await ledger?.flush(AbortSignal.timeout(flushMs))
  } catch {
    // Then what is asked is answered without: a store that is gone says so itself.
  }
}

/** A file has to be there; a server may come later. */
async function openStoreOf({ config, env, log }: GatewayOptions): Promise<Store> {
  const location = storeLocation(env, config.data_dir)
  const open = () =>
    openStore(location, { skipped: (row) => log.error(row, 'a row of the store cannot be read, and is left out') })
  if (!isPostgres(location)) return await open()
  return await openLate('postgres', {
    open,
    failed: (err) => log.error({ err }, 'the store cannot be reached; trying on'),
    opened: () => log.info({}, 'the store is there'),
  })
}

/**
 * An alias of the configuration that leads nowhere is a mistake to be told at the start; but while the store cannot be read, what it
 * leads to may be there.
 */
function requireTargets(providers: Providers, mirror: Mirror): void {
  if (mirror.current === undefined) return
  const configured = new Set(providers.configuredAliases.map(({ name }) => name))
  const problem = providers.current.problems.find(({ alias }) => configured.has(alias))
  if (problem !== undefined) throw fail('invalid_request', problem.message)
}
