import { asMap, type JsonMap, parseOrText, type WireCase } from '../case.ts'
import { firstDifference } from '../compare.ts'
import { faultOf, statusesFor } from '../fault.ts'
import type { CountFormat } from '../format.ts'
import { inOnePiece } from '../upstream.ts'
import { arrivalProblems } from './arrival.ts'
import { rpcPatience, rpcTurn } from './canonical.ts'
import { type HttpAnswer, post } from './http.ts'
import { type Line, modelName, plainTurn, type Probe } from './probe.ts'
import { headersOf } from './vendor-dialects.ts'

/**
 * A recorded count of tokens: the question arrives at the vendor's own endpoint as it was, and the number comes back as it was, in both
 * dialects that ask for one and in the contract.
 */
export function countProbes(wireCase: WireCase, format: CountFormat): Probe[] {
  const probe = (label: string, run: Probe['run']): Probe => {
    return { check: 'count', label, pieces: inOnePiece(wireCase.response), run }
  }
  const rest = (['anthropic', 'gemini'] as const).map((dialect) => {
    const body = dialect === format ? asMap(wireCase.request?.body) : undefined
    return probe(dialect, async (line) => {
      const answer = await ask(dialect, line, body, headersOf(wireCase.request?.headers ?? {}))
      if (wireCase.response.status >= 400) return refused(wireCase, answer)
      const problems = [...numberProblems(wireCase, told(parseOrText(answer.text))), ...arrivalProblems(wireCase, line)]
      return body === undefined ? problems : [...problems, ...bodyProblems(dialect, body, line)]
    })
  })
  if (wireCase.response.status >= 400) return rest
  const rpc = probe('rpc', async (line) => {
    const { inputTokens, estimated } = await line.connect.countTokens(rpcTurn(line), rpcPatience())
    return [...numberProblems(wireCase, inputTokens), ...(estimated ? ['the number is said to be estimated'] : [])]
  })
  return [...rest, rpc]
}

function ask(dialect: CountFormat, line: Line, body: JsonMap | undefined, headers: Record<string, string>) {
  const model = modelName(line)
  if (dialect === 'anthropic')
    return post(line, '/v1/messages/count_tokens', { ...(body ?? { messages: plainTurn }), model }, headers)
  const contents = [{ role: 'user', parts: [{ text: 'How much is this?' }] }]
  return post(
    line,
    `/v1beta/models/${model.split('/').map(encodeURIComponent).join('/')}:countTokens`,
    body ?? { contents },
  )
}

function told(answer: unknown): unknown {
  const body = asMap(answer)
  return body?.['input_tokens'] ?? body?.['totalTokens']
}

function numberProblems({ response }: WireCase, found: unknown): string[] {
  const recorded = told(response.body)
  return found === recorded ? [] : [`${String(found)} tokens, recorded ${String(recorded)}`]
}

function refused({ response }: WireCase, { status, text }: HttpAnswer): string[] {
  const allowed = statusesFor(faultOf(response))
  return allowed.includes(status) ? [] : [`answered ${status}, not ${allowed.join(' or ')}: ${text.slice(0, 200)}`]
}

/** Google's endpoint takes a whole request under a name of its own, the model in it. */
function bodyProblems(dialect: CountFormat, body: JsonMap, line: Line): string[] {
  const arrived = asMap(line.received[0]?.body)
  const whole = asMap(body['generateContentRequest']) ?? body
  const model = dialect === 'anthropic' ? line.model : `models/${line.model}`
  const found = dialect === 'anthropic' || line.vendor.type === 'vertex' ? arrived : arrived?.['generateContentRequest']
  const expected = line.vendor.type === 'vertex' ? whole : { ...whole, model }
  const difference = firstDifference(expected, found, 'request')
  return difference === undefined ? [] : [difference]
}
