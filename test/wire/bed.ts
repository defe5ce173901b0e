import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node'
import { pino } from 'pino'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { configSchema } from '../../src/config/schema.ts'
import { startGateway } from '../../src/gateway.ts'
import type { WireCase } from './case.ts'
import { type Line, type Probe, recordedModel } from './checks/probe.ts'
import { formatOf, providerOf } from './format.ts'
import { startUpstream } from './upstream.ts'

/** A running gateway in front of the replaying upstream, with a provider for each probe. */
export interface Bed {
  /** The lines of the probes it was made for, in their order. */
  readonly lines: readonly Line[]
  close(): Promise<void>
}

/** A probe and the case it is about. */
export interface PlannedProbe {
  readonly wireCase: WireCase
  readonly probe: Probe
}

const credential = 'canary-of-the-wire-suite-0123456789'
const variable = 'WIRE_SUITE_API_KEY'

/**
 * Starts a gateway as `switchyard serve` does. Every probe has a provider of its own, so that no probe sees what another
 * one did to a breaker, a credential or a retry budget; nothing is retried, so that every answer is the first one.
 */
export async function openBed(planned: readonly PlannedProbe[]): Promise<Bed> {
  const upstream = await startUpstream()
  const folder = await mkdtemp(join(tmpdir(), 'wire-suite-'))
  const mounts = planned.map(({ wireCase, probe }) => ({
    ...upstream.mount(wireCase.response, probe.pieces),
    format: formatOf(wireCase),
  }))
  const config = configSchema.parse({
    server: { host: '127.0.0.1', port: 0, drain_seconds: 0 },
    data_dir: folder,
    log: { level: 'silent' },
    retries: { per_target: 0 },
    providers: mounts.map(({ baseUrl, format }, at) => ({
      name: `p${at}`,
      ...providerOf(format),
      base_url: baseUrl,
      env_var: variable,
    })),
  })
  const gateway = await startGateway({ config, env: { [variable]: credential }, log: pino({ level: 'silent' }) })
  const origin = gateway.url.replace(/\/$/, '')
  const connect = createClient(InferenceService, createConnectTransport({ baseUrl: origin, httpVersion: '1.1' }))
  const grpc = createClient(InferenceService, createGrpcTransport({ baseUrl: origin }))
  const lines = planned.map(({ wireCase }, at): Line => {
    const received = mounts[at]?.received ?? []
    const hidden = [upstream.authority, credential]
    return { origin, provider: `p${at}`, model: recordedModel(wireCase), received, credential, hidden, connect, grpc }
  })
  return {
    lines,
    async close() {
      await gateway.stop()
      await upstream.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
