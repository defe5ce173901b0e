import OpenAI from 'openai'
import { asMap, bodyKind, type CaseResponse, saysDone, streamValues, type WireCase } from './case.ts'
import { type Fault, faultInside, faultOf } from './fault.ts'
import { classOf } from './finish.ts'
import { type Reading, readCompletions } from './meaning.ts'
import { inOnePiece, replayHeaders } from './upstream.ts'

/**
 * What a recording is, by the official SDK: a complete answer; a refusal before anything was said; or an answer that broke
 * off after some of it.
 */
export type Verdict =
  | { readonly kind: 'answer'; readonly values: readonly unknown[]; readonly reading: Reading }
  | { readonly kind: 'refused'; readonly fault: Fault }
  | { readonly kind: 'broken'; readonly values: readonly unknown[]; readonly reading: Reading; readonly fault: Fault }

/** Whether the recording answers a request for a stream: by its body, or for an error by what was asked. */
export function isStreaming({ request, response }: WireCase): boolean {
  if (response.sse !== undefined) return true
  const asked = asMap(request?.body)?.['stream'] === true
  return asked && (response.status >= 400 || asMap(response.body)?.['error'] !== undefined)
}

/** Lets the official SDK read the recorded bytes, and says what they are. */
export async function judge(wireCase: WireCase): Promise<Verdict> {
  const { response } = wireCase
  if (response.status >= 400) return { kind: 'refused', fault: faultOf(response) }
  return response.sse === undefined ? judgeWhole(response) : judgeStream(response, response.sse)
}

async function judgeWhole(response: CaseResponse): Promise<Verdict> {
  const body = await wholeBySdk(response)
  const fault = faultInside(body)
  if (fault !== undefined) return { kind: 'refused', fault }
  if (!Array.isArray(asMap(body)?.['choices'])) return { kind: 'refused', fault: unreadable }
  const reading = readCompletions([body])
  return endsInError(reading) ? { kind: 'refused', fault: unreadable } : { kind: 'answer', values: [body], reading }
}

/** A provider whose word for the end is "error" did not complete its answer, whatever it had said before. */
function endsInError({ choices }: Reading): boolean {
  return choices.some(({ finishWords }) => classOf(finishWords.at(0) ?? '') === 'error')
}

const unreadable: Fault = { status: 502, message: '', exact: true }
const cutOff: Fault = { status: 502, message: '', exact: true }

async function judgeStream(response: CaseResponse, sse: string): Promise<Verdict> {
  const { values, failed } = await streamBySdk(response)
  const reading = readCompletions(values)
  if (!failed && isComplete(reading, sse)) return { kind: 'answer', values, reading }
  const inside = streamValues(sse).map(({ value }) => faultInside(value))
  const fault = inside.find((found) => found !== undefined) ?? (failed ? unreadable : cutOff)
  return values.length === 0 ? { kind: 'refused', fault } : { kind: 'broken', values, reading, fault }
}

/** A stream ends well with `[DONE]`, or at the end of the connection when every choice had said why it stopped. */
function isComplete(reading: Reading, sse: string): boolean {
  const { choices } = reading
  const finished = choices.length > 0 && choices.every(({ finishWords }) => finishWords.some((word) => word !== ''))
  return (finished || saysDone(sse)) && !endsInError(reading)
}

/** Asks the SDK for a whole answer. What it returns is the parsed body. */
async function wholeBySdk(response: CaseResponse): Promise<unknown> {
  try {
    return await sdkReading(response).chat.completions.create({ model: 'recorded', messages: [] })
  } catch {
    return undefined
  }
}

/** Asks the SDK for a stream: the chunks it gave, and whether it then threw. */
async function streamBySdk(response: CaseResponse): Promise<{ values: unknown[]; failed: boolean }> {
  const values: unknown[] = []
  try {
    const stream = await sdkReading(response).chat.completions.create({ model: 'recorded', messages: [], stream: true })
    for await (const chunk of stream) values.push(chunk)
    return { values, failed: false }
  } catch {
    return { values, failed: true }
  }
}

/** The official SDK, with the recording as its network. */
function sdkReading(response: CaseResponse): OpenAI {
  const headers = replayHeaders(response)
  // The SDK parses by content type; a JSON body that was recorded as such is JSON.
  if (bodyKind(response) === 'body') headers['content-type'] = 'application/json'
  const fetch = async (): Promise<Response> =>
    new Response(Buffer.concat(inOnePiece(response)), { status: response.status, headers })
  return new OpenAI({ apiKey: 'none', baseURL: 'http://127.0.0.1/v1', maxRetries: 0, logLevel: 'off', fetch })
}
