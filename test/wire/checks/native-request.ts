import { firstDifference } from '../compare.ts'
import { type RecordedRequest, requestOf } from '../halves.ts'
import type { Received } from '../upstream.ts'
import { arrivalProblems } from './arrival.ts'
import { oneDelivery, seedOf } from './deliveries.ts'
import type { Line, Probe } from './probe.ts'
import { askIn, headersOf, type NativeSubject } from './vendor-dialects.ts'

/**
 * The recorded request arrives at the vendor's own endpoint as it was, but for the model's name, and with the gateway's own credential.
 * Of a format that no client speaks, any request arrives there.
 */
export function nativeRequestProbes(subject: NativeSubject): Probe[] {
  const { wireCase, streaming } = subject
  if (wireCase.request === undefined) return []
  const recorded = requestOf(wireCase, streaming)
  const pieces = oneDelivery(wireCase.response, seedOf(`request ${wireCase.id}`))
  return [{ check: 'request', label: '', pieces, run: (line) => judge(subject, recorded, line) }]
}

async function judge(
  { wireCase, streaming }: NativeSubject,
  recorded: RecordedRequest | undefined,
  line: Line,
): Promise<string[]> {
  const answer = await askIn(recorded?.dialect ?? 'openai', line, streaming, recorded?.body, recorded?.headers)
  const [arrived] = line.received
  if (arrived === undefined) {
    // What the recorded vendor refused, the gateway may refuse itself, with the same status.
    const { status } = wireCase.response
    const alike = answer.status === status && (status === 400 || status === 422)
    return alike ? [] : [`never reached the upstream; answered ${answer.status}: ${answer.text.slice(0, 300)}`]
  }
  return [...(recorded === undefined ? [] : bodyProblems(recorded, arrived, line)), ...arrivalProblems(wireCase, line)]
}

function bodyProblems(recorded: RecordedRequest, arrived: Received, line: Line): string[] {
  const difference = firstDifference(bodySent(recorded, line), arrived.body, 'request')
  const asked = headersOf(recorded.headers)
  const lost = Object.entries(asked).filter(([name, value]) => arrived.headers[name] !== value)
  const invented = asked['anthropic-beta'] === undefined && arrived.headers['anthropic-beta'] !== undefined
  return [
    ...(difference === undefined ? [] : [difference]),
    ...lost.map(([name, value]) => `request: ${name} is ${arrived.headers[name]}, recorded ${value}`),
    ...(invented ? ['request: anthropic-beta was not recorded'] : []),
  ]
}

/** The body that the vendor is to get: where its path names the model, the body may repeat it or not, as the client did. */
function bodySent({ dialect, body }: RecordedRequest, { model, vendor }: Line): object {
  const { model: named, ...unnamed } = body
  if (dialect === 'gemini') return named === undefined ? body : { ...body, model: `models/${model}` }
  return vendor.type === 'vertex' ? unnamed : { ...body, model }
}
