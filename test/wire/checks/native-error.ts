import { Code, ConnectError } from '@connectrpc/connect'
import { asMap, asText, bodyBytes, parseOrText, saysDone } from '../case.ts'
import { statusesFor } from '../fault.ts'
import { oneDelivery, seedOf } from './deliveries.ts'
import { rpcError, wordsMissing, retryHeaders } from './error.ts'
import type { HttpAnswer } from './http.ts'
import { toldByRpc } from './canonical.ts'
import { askIn, type NativeSubject, type VendorDialect, vendorDialects } from './vendor-dialects.ts'
import type { Line, Probe } from './probe.ts'

/** A recorded error comes back in each vendor's dialect as the caller may see it, and over RPC with its code. */
export function nativeErrorProbes(subject: NativeSubject): Probe[] {
  const { wireCase } = subject
  const probe = (label: string, run: Probe['run']): Probe => {
    const pieces = oneDelivery(wireCase.response, seedOf(`${label} ${wireCase.id}`))
    return { check: 'error', label, pieces, run }
  }
  return [
    ...vendorDialects.map((dialect) => probe(dialect, (line) => judgeRest(dialect, subject, line))),
    probe('rpc', (line) => judgeRpc(subject, line)),
  ]
}

async function judgeRest(dialect: VendorDialect, subject: NativeSubject, line: Line): Promise<string[]> {
  const { verdict, streaming } = subject
  if (verdict.kind === 'answer') return []
  const answer = await askIn(dialect, line, streaming)
  const leaks = leaksIn(subject, line, `${answer.text}\n${JSON.stringify([...answer.headers])}`)
  if (answer.status === 200) {
    return verdict.kind === 'broken' && streaming
      ? [...leaks, ...judgeBroken(dialect, answer)]
      : [...leaks, 'answered 200 to an error']
  }
  const statuses = statusesFor(verdict.fault)
  if (!statuses.includes(answer.status)) {
    return [...leaks, `answered ${answer.status}, not ${statuses.join(' or ')}: ${answer.text.slice(0, 300)}`]
  }
  const message = asText(asMap(asMap(parseOrText(answer.text))?.['error'])?.['message'])
  return [
    ...leaks,
    ...(message === '' ? [`there is no error.message: ${answer.text.slice(0, 200)}`] : []),
    ...wordsMissing(verdict.fault, answer.status, { message, problems: [] }),
    ...retryHeaders(verdict.fault, answer),
  ]
}

/** What ends a good stream of a dialect, and must not end a broken one. */
const goodEnds: Readonly<Record<VendorDialect, RegExp>> = {
  openai: /"finish_reason":"/,
  anthropic: /"type":"message_stop"/,
  gemini: /"finishReason":"/,
  responses: /"type":"response\.(?:completed|incomplete)"/,
}

function judgeBroken(dialect: VendorDialect, { text }: HttpAnswer): string[] {
  return [
    ...(/"error":\{|"type":"(?:error|response\.failed)"/.test(text) ? [] : ['there is no error in the stream']),
    ...(goodEnds[dialect].test(text) || saysDone(text) ? ['the broken stream ends like a good one'] : []),
  ]
}

async function judgeRpc(subject: NativeSubject, line: Line): Promise<string[]> {
  const { verdict, streaming } = subject
  if (verdict.kind === 'answer') return []
  try {
    await toldByRpc(line, streaming)
  } catch (thrown) {
    const error = ConnectError.from(thrown)
    const wrong = verdict.kind === 'refused' ? rpcError(verdict.fault, error) : []
    const unknown = error.code === Code.Unknown || error.code === Code.Internal ? [`code is ${Code[error.code]}`] : []
    return [...wrong, ...unknown, ...leaksIn(subject, line, error.message)]
  }
  return ['RPC ended with OK']
}

/** The upstream's address, the key, and a whole body are the gateway's own business. */
function leaksIn({ wireCase: { response }, verdict }: NativeSubject, line: Line, text: string): string[] {
  const body = bodyBytes(response).toString().trim()
  const found = [...line.hidden, ...(verdict.kind === 'refused' && body.length > 40 ? [body] : [])]
  return found.filter((secret) => text.includes(secret)).map((secret) => `the error shows "${secret.slice(0, 60)}"`)
}
