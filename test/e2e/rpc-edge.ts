import { createServer } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { create } from '@bufbuild/protobuf'
import { ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { CallRecord, LoadedProvider } from '../../src/core/contract.ts'
import { createCore } from '../../src/core/core.ts'
import { type KeyRule, KeyTable } from '../../src/keys/table.ts'
import { registryListing } from '../../src/registry/listing.ts'
import { fixedRegistry } from '../../src/core/live.ts'
import { createRegistry } from '../../src/core/resolve.ts'
import type { Logger, Provider } from '../../src/provider/contract.ts'
import type { Egress } from '../../src/provider/egress.ts'
import { Health } from '../../src/server/health.ts'
import { services } from '../../src/server/policy.ts'
import { defaultRpcLimits, type RpcLimits, rpcHandler, type SourceDecoders } from '../../src/server/rpc.ts'

/** What a test may choose about an edge. */
export interface EdgeOptions {
  readonly provider: Provider
  readonly limits?: Partial<RpcLimits>
  readonly keys?: readonly KeyRule[]
  readonly dialects?: ReadonlyMap<string, SourceDecoders>
}

/** The RPC edge on the real core, with one provider and a port for each version of HTTP. */
export interface Edge extends AsyncDisposable {
  /** HTTP/1.1. */
  readonly http1: string
  /** HTTP/2 without TLS. */
  readonly http2: string
  readonly health: Health
  /** Every call that was settled, in order. */
  readonly calls: CallRecord[]
  /** What was logged as an error. */
  readonly errors: object[]
  /** Ends what is open, as at the end of a drain. */
  stop(): void
}

const noEgress: Egress = {
  send: () => Promise.reject(new Error('this provider does not call out')),
  sendGuarded: () => Promise.reject(new Error('this provider does not call out')),
  close: () => Promise.resolve(),
}

const nothing = () => undefined
const noStore = (): never => {
  throw new Error('there is no store here')
}

/** Starts an edge on free ports of 127.0.0.1. */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const health = new Health(Object.values(services))
  health.serving()
  const calls: CallRecord[] = []
  const errors: object[] = []
  const stopping = new AbortController()
  const log: Logger = { debug: nothing, info: nothing, warn: nothing, error: (fields) => errors.push(fields) }
  const loaded: LoadedProvider = {
    record: create(ProviderSchema, { id: '0a1b2c3d', name: 'scripted', type: 'scripted' }),
    provider: options.provider,
    credentials: [],
    models: [],
    patterns: ['*'],
  }
  const aliases = [{ name: 'fast', targets: [{ provider: 'scripted', model: 'hello', order: 0, weight: 1 }] }]
  const registry = fixedRegistry(createRegistry([loaded], aliases))
  const keys = new KeyTable(options.keys ?? [], { maxAgeMs: 0 })
  keys.load({ keys: [], accounts: [], everHadKeys: false, at: Date.now() }, true)
  const core = createCore({
    keys,
    surface: (principal) => ({
      registry: {
        ...registryListing(registry, principal),
        createProvider: noStore,
        updateProvider: noStore,
        deleteProvider: noStore,
        syncModels: noStore,
        aliases: noStore,
        setAlias: noStore,
        deleteAlias: noStore,
      },
      get keys(): never {
        return noStore()
      },
      get batches(): never {
        return noStore()
      },
      get usage(): never {
        return noStore()
      },
      get files(): never {
        return noStore()
      },
      get videos(): never {
        return noStore()
      },
    }),
    registry,
    retries: { perTarget: 0, budget: 0.2, maxRetryAfterMs: 1000 },
    recorder: { began: nothing, settled: (record) => calls.push(record) },
    timeouts: { connect: 5000, firstEvent: 30_000, betweenEvents: 30_000, total: 60_000 },
    egress: noEgress,
    log,
  })
  const handle = rpcHandler({
    core,
    health,
    log,
    limits: { ...defaultRpcLimits, ...options.limits },
    stopping: stopping.signal,
    ...(options.dialects !== undefined && { dialects: options.dialects }),
  })
  const one = createServer((request, response) => {
    if (!handle(request, response)) response.writeHead(404).end('elsewhere')
  })
  const two = createHttp2Server((request, response) => {
    if (!handle(request, response)) response.writeHead(404).end('elsewhere')
  })
  const sessions = new Set<ServerHttp2Session>()
  two.on('session', (session) => sessions.add(session))
  return {
    http1: await listen(one),
    http2: await listen(two),
    health,
    calls,
    errors,
    stop: () => stopping.abort(),
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) session.destroy()
      one.closeAllConnections()
      await Promise.all([closed(one), closed(two)])
    },
  }
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()))
}
