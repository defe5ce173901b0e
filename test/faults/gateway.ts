import { appendFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Client, createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { pino } from 'pino'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { loadConfig } from '../../src/config/load.ts'
import { errorSerializers } from '../../src/error/index.ts'
import { startGateway } from '../../src/gateway.ts'
import type { Network } from '../../src/provider/egress.ts'
import { type FaultUpstream, startFaultUpstream } from './upstream.ts'

/** The gateway's own key at the upstream: what must never be seen outside of the header it belongs in. */
export const canary = 'canary-5f2c9b1e77aa4d0f'

/** One line of the log. */
export type LogLine = Readonly<Record<string, unknown>>

/** Where a run that looks for canaries wants what gateways say and keep: see canaries/suites.ts. */
const record = process.env['SWITCHYARD_RECORD']

/** A gateway that runs in this process, in front of an upstream that fails as it is told. */
export interface FaultyGateway extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** What its provider `up` asks; further providers may share it. */
  readonly upstream: FaultUpstream
  readonly rpc: Client<typeof InferenceService>
  /** All of the log so far, as it was written. */
  readonly log: () => string
  /** The lines that say how the request with this id ended, as soon as there is one. */
  settled(requestId: string): Promise<LogLine[]>
  /** Every line that says how a request ended. */
  allSettled(): LogLine[]
  metrics(): Promise<string>
}

/** What a test may choose. */
export interface GatewayChoices {
  /** Sections of the configuration, in the file's own words. */
  readonly config?: Readonly<Record<string, object>>
  /** Providers beside `up`, given its base URL. */
  readonly providers?: (url: string) => object[]
  readonly env?: Readonly<Record<string, string>>
  /** Where it keeps its data, for gateways that come after or beside each other; else a folder of its own. */
  readonly dataDir?: string
  /** Without the provider `up`: a vendor's key in the environment then implies that vendor, whatever the type of `up`. */
  readonly alone?: boolean
  /** How names are resolved and connections opened; as the system does unless a test brings others. */
  readonly network?: Network
}

/**
 * Starts a gateway from a configuration file, as `switchyard serve` does, on a free port. Nothing is retried unless the test says
 * so. The provider `up` is the faulty upstream, by a key of its own.
 */
export async function openGateway({
  config = {},
  providers,
  env = {},
  dataDir,
  alone = false,
  network,
}: GatewayChoices = {}): Promise<FaultyGateway> {
  const upstream = await startFaultUpstream()
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-faults-'))
  const path = join(folder, 'config.yaml')
  const up = { name: 'up', type: 'openai', base_url: upstream.url, env_var: 'UP_API_KEY' }
  const written = {
    retries: { per_target: 0 },
    ...config,
    server: { host: '127.0.0.1', port: 0, drain_seconds: 0, ...config['server'] },
    providers: [...(alone ? [] : [up]), ...(providers?.(upstream.url) ?? [])],
  }
  // Every JSON text is YAML.
  writeFileSync(path, JSON.stringify(written))
  const lines: string[] = []
  const gateway = await startGateway({
    config: loadConfig({ path, env: {}, flags: { dataDir: dataDir ?? join(folder, 'data') } }),
    env: { UP_API_KEY: canary, ...env },
    ...(network !== undefined && { network }),
    log: pino(
      { level: 'debug', serializers: errorSerializers },
      {
        write(line: string) {
          lines.push(line)
          if (record !== undefined) appendFileSync(join(record, `log-${process.pid}`), line)
        },
      },
    ),
  })
  const settled = (): LogLine[] => lines.map(parseLine).filter((line) => 'request_id' in line && 'http_status' in line)
  return {
    url: gateway.url,
    port: gateway.port,
    upstream,
    rpc: createClient(InferenceService, createGrpcTransport({ baseUrl: gateway.url })),
    log: () => lines.join(''),
    allSettled: settled,
    async settled(requestId) {
      for (let turn = 0; turn < 1500; turn++) {
        const found = settled().filter((line) => line['request_id'] === requestId)
        if (found.length > 0) return found
        await setTimeout(10)
      }
      throw new Error(`the request ${requestId} was never settled`)
    },
    metrics: async () => (await fetch(`${gateway.url}/metrics`)).text(),
    async [Symbol.asyncDispose]() {
      await gateway.stop()
      await upstream.close()
      const kept = dataDir ?? join(folder, 'data')
      if (record !== undefined) cpSync(kept, join(record, basename(folder)), { recursive: true })
      rmSync(folder, { recursive: true })
    },
  }
}

/** A log line must be one JSON object and nothing else. */
function parseLine(line: string): LogLine {
  return JSON.parse(line) as LogLine
}

/** Waits for what is promised to happen within a second, with room for a machine that is busy; says what did not. */
export async function soon<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  const late = new AbortController()
  const timer = setTimeout(15_000, undefined, { signal: late.signal }).then(() => {
    throw new Error(`${what} did not happen in time`)
  })
  timer.catch(() => undefined)
  try {
    return await Promise.race([promise, timer])
  } finally {
    late.abort()
  }
}
