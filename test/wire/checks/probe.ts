import type { Client } from '@connectrpc/connect'
import type { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { asMap, asText, type WireCase } from '../case.ts'
import type { Verdict } from '../reading.ts'
import type { Received } from '../upstream.ts'
import type { VendorProvider } from '../vendor.ts'

/** The columns of the report. */
export const checkNames = [
  'openai',
  'canonical',
  'platform',
  'scaigrid',
  'sgp',
  'grpc',
  'request',
  'translated',
  'error',
  'own',
  'cross',
  'count',
] as const

/** One column of the report. */
export type CheckName = (typeof checkNames)[number]

/** A case with what is known of it before the gateway is asked. */
export interface Subject {
  readonly wireCase: WireCase
  readonly verdict: Verdict
  /** Whether the recording answers a request for a stream. */
  readonly streaming: boolean
}

/** What a probe asks through: a gateway with a provider that leads to this recording alone. */
export interface Line {
  /** The gateway's `http://127.0.0.1:port`. */
  readonly origin: string
  /** The provider's name in the gateway. */
  readonly provider: string
  /** What the provider is. */
  readonly vendor: VendorProvider
  /** The model name the upstream is to see. */
  readonly model: string
  /** What the upstream was sent. */
  readonly received: readonly Received[]
  /** The key the gateway must send to the upstream. */
  readonly credential: string
  /** What must not reach a client: the upstream's address, its path, and the key. */
  readonly hidden: readonly string[]
  /** The gateway over the Connect protocol (HTTP/1.1). */
  readonly connect: Client<typeof InferenceService>
  /** The gateway over gRPC (HTTP/2). */
  readonly grpc: Client<typeof InferenceService>
}

/** One question to the gateway and the judgement of its answer. */
export interface Probe {
  readonly check: CheckName
  /** Tells apart the probes of one check, in the report. */
  readonly label: string
  /** How the upstream sends the recorded bytes. */
  readonly pieces: readonly Buffer[]
  /** Says what is wrong, a line each. */
  run(line: Line): Promise<readonly string[]>
}

/** The name under which the gateway leads to the recording. */
export function modelName(line: Line): string {
  return `${line.provider}/${line.model}`
}

/** The model a recorded request asked for, or a stand-in. */
export function recordedModel({ request }: WireCase): string {
  const [, found = ''] = /\/(?:models?|deployments)\/([^/?]+)/.exec(request?.path ?? '') ?? []
  const inPath = decodeURIComponent(found).replace(/:[a-z][A-Za-z]+$/, '')
  const inBody = asText(asMap(request?.body)?.['model']).replace(/^models\//, '')
  return (
    (/\/deployments\//.test(request?.path ?? '') ? inPath : inBody) || (inPath === 'chat' ? '' : inPath) || 'recorded'
  )
}

/** What is asked where the recorded request does not matter. */
export const plainTurn = [{ role: 'user', content: 'Say what was recorded.' }]
