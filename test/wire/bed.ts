import { createClient } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { gatewayWith } from '../services/gateway.ts'
import type { LoadedPlugins } from '../../src/provider/load.ts'
import type { WireCase } from './case.ts'
import { type Line, type Probe, recordedModel } from './checks/probe.ts'
import { type Issuer, openIssuer } from './issuer.ts'
import { startUpstream } from './upstream.ts'
import { providerOf, type VendorProvider } from './vendor.ts'

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

/** How a provider is given its credential: a key, or an account whose tokens an issuer gives. */
function credentialSettings({ shows, settings }: VendorProvider, { credentials }: Issuer, tokenUrl: string): object {
  return shows === 'token'
    ? { settings: { ...settings, credentials, token_url: tokenUrl } }
    : { settings, env_var: variable }
}

/**
 * Starts a gateway as `switchyard serve` does. Every probe has a provider of its own, so that no probe sees what another
 * one did to a breaker, a credential or a retry budget; nothing is retried, so that every answer is the first one.
 */
export async function openBed(planned: readonly PlannedProbe[], plugins: LoadedPlugins): Promise<Bed> {
  const issuer = openIssuer()
  const upstream = await startUpstream(issuer.answer)
  const mounts = planned.map(({ wireCase, probe }) => ({
    ...upstream.mount(wireCase.response, probe.pieces),
    vendor: providerOf(wireCase, plugins),
  }))
  const providers = mounts.map(({ baseUrl, vendor }, at) => ({
    name: `p${at}`,
    type: vendor.type,
    base_url: baseUrl + vendor.basePath,
    ...credentialSettings(vendor, issuer, upstream.tokenUrl),
  }))
  const gateway = await gatewayWith({ providers }, { [variable]: credential })
  const origin = gateway.url.replace(/\/$/, '')
  const connect = createClient(InferenceService, createConnectTransport({ baseUrl: origin, httpVersion: '1.1' }))
  const grpc = createClient(InferenceService, createGrpcTransport({ baseUrl: origin }))
  const lines = planned.map(({ wireCase }, at): Line => {
    const { received = [], vendor = providerOf(wireCase, plugins) } = mounts[at] ?? {}
    const shown = vendor.shows === 'token' ? issuer.token : credential
    const hidden = [upstream.authority, shown]
    const model = recordedModel(wireCase)
    return { origin, provider: `p${at}`, vendor, model, received, credential: shown, hidden, connect, grpc }
  })
  return {
    lines,
    async close() {
      await gateway.stop()
      await upstream.close()
    },
  }
}
