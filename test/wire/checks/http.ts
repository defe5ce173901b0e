import { parseOrText, streamValues } from '../case.ts'
import { type Line, modelName, plainTurn } from './probe.ts'

/** An answer of the gateway over HTTP, read to its end. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** Longest wait for an answer: a gateway that hangs is a failure to report, not a run that never ends. */
export const patience = 30_000

/** Posts JSON to the gateway, with the headers given beside the usual ones, and reads the whole answer. */
export async function post(
  line: Line,
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  const response = await fetch(line.origin + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer key-of-the-client', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(patience),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** The REST dialects. */
export const restDialects = ['openai', 'platform', 'scaigrid', 'sgp'] as const

/** One REST dialect. */
export type RestDialect = (typeof restDialects)[number]

/** Asks for one turn in a dialect, with nothing of the recorded request. */
export function askTurn(dialect: RestDialect, line: Line, streaming: boolean): Promise<HttpAnswer> {
  const model = modelName(line)
  const flag = streaming ? { stream: true } : {}
  switch (dialect) {
    case 'openai': {
      const options = streaming ? { stream_options: { include_usage: true } } : {}
      return post(line, '/v1/chat/completions', { model, messages: plainTurn, ...flag, ...options })
    }
    case 'platform': {
      const path = `/api/v1/inference/chat${streaming ? '/stream' : ''}`
      return post(line, path, { model: line.model, providerId: line.provider, messages: plainTurn })
    }
    case 'scaigrid':
      return post(line, '/v1/inference/chat', { model, messages: plainTurn, ...flag })
    case 'sgp':
      return post(line, '/v5/inference', { model, args: { messages: plainTurn, ...flag } })
    default:
      return dialect satisfies never
  }
}

/** The JSON of an answer; its text where it is not JSON. */
export function bodyOf(answer: HttpAnswer): unknown {
  return parseOrText(answer.text)
}

/** The values of a streamed answer's data lines, without `[DONE]`. */
export function valuesOf(answer: HttpAnswer): unknown[] {
  return streamValues(answer.text).map(({ value }) => value)
}

/** What is wrong with the head of an answer that should be a success. */
export function headProblems(answer: HttpAnswer, streaming: boolean): string[] {
  if (answer.status !== 200) return [`answered ${answer.status}: ${answer.text.slice(0, 300)}`]
  const type = answer.headers.get('content-type') ?? ''
  const wanted = streaming ? 'text/event-stream' : 'application/json'
  const id = answer.headers.get('x-request-id') ?? ''
  return [
    ...(type.startsWith(wanted) ? [] : [`content-type is "${type}", not ${wanted}`]),
    ...(id === '' ? ['x-request-id is missing'] : []),
  ]
}
