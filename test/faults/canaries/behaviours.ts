import type { ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { Script } from './endpoints.ts'

/** One request as an upstream that cannot keep a secret sees it. */
export interface Exchange {
  readonly script: Script
  readonly streaming: boolean
  /** Whether an answer is bytes, in which an error has no place. */
  readonly isBytes: boolean
  /** The gateway's key, as it was shown. */
  readonly key: string
  readonly prompt: string
  readonly answer: string
  readonly authority: string
}

/** What an upstream does for one model. */
export interface Behaviour {
  readonly answer: (response: ServerResponse, exchange: Exchange) => Promise<void> | void
  /** What the caller may be shown of it beside the model's own words: the prompt that it sent, where a refusal quotes it. */
  readonly quotesPrompt: boolean
}

const blurt = ({ key, prompt, answer, authority }: Exchange): string =>
  `bad key ${key} (Bearer ${key}) for "${prompt}", which had got "${answer}", at http://${authority}/v1?key=${key}`

/** Headers that tell the key, wherever a gateway may look. */
const headers = ({ key }: Exchange): Record<string, string> => ({
  'x-request-id': key,
  'request-id': `req_${key}`,
  'x-amzn-requestid': key,
  'x-amzn-errortype': key,
  'www-authenticate': `Bearer realm="${key}"`,
  'x-ratelimit-remaining-requests': key,
  'set-cookie': `session=${key}`,
  'x-authorization': `Bearer ${key}`,
})

/** An error as every vendor has it, all at once. */
function errorBody(exchange: Exchange): object {
  const { key } = exchange
  const message = blurt(exchange)
  const error = { message, type: 'invalid_request_error', code: key, param: `messages.${key}`, status: key }
  return {
    type: 'error',
    error: { ...error, details: [{ reason: message }] },
    message,
    Message: message,
    detail: message,
  }
}

function json(
  response: ServerResponse,
  status: number,
  body: object | string,
  more: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...more })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

const said = ({ answer }: Exchange) => ({
  text: answer,
  calls: [{ id: 'call00001', name: 'weather', input: { city: answer } }],
})

/** The stream as it should be, in two parts. */
function parts(exchange: Exchange): readonly [Buffer, Buffer] {
  const whole = exchange.script.stream(said(exchange))
  const middle = Math.floor(whole.length * 0.6)
  return [whole.subarray(0, middle), whole.subarray(middle)]
}

/** The stream up to a whole event, where it has events of text. */
function untilAnEvent(exchange: Exchange): Buffer {
  const [first] = parts(exchange)
  const end = first.lastIndexOf('\n\n')
  return end < 0 ? first : first.subarray(0, end + 2)
}

function open(response: ServerResponse, { script }: Exchange, more: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': script.streamType, ...more }).flushHeaders()
}

function well(response: ServerResponse, exchange: Exchange, more: Record<string, string> = {}): void {
  if (!exchange.streaming) return json(response, 200, exchange.script.whole(said(exchange)), more)
  open(response, exchange, more)
  response.end(exchange.script.stream(said(exchange)))
}

const refusal = (status: number, quotesPrompt: boolean): Behaviour => ({
  quotesPrompt,
  answer: (response, exchange) => {
    json(response, status, errorBody(exchange), { ...headers(exchange), ...(status === 429 && { 'retry-after': '1' }) })
  },
})

/** A refusal whose status the caller is told, with the vendor's words. */
const told = [400, 404, 408, 409, 413, 415, 422, 429]
/** One that is the gateway's own affair. */
const hidden = [401, 402, 403, 500, 503, 529]

const behaviour = (answer: Behaviour['answer'], quotesPrompt = false): Behaviour => ({ answer, quotesPrompt })

/** Begins well, says something else in the middle as an event, and ends; or says it instead of a whole answer. */
const inTheMiddle =
  (say: (exchange: Exchange) => string): Behaviour['answer'] =>
  (response, exchange) => {
    if (!exchange.streaming || exchange.isBytes) return json(response, 200, say(exchange))
    open(response, exchange)
    response.end(Buffer.concat([untilAnEvent(exchange), Buffer.from(`event: error\ndata: ${say(exchange)}\n\n`)]))
  }

/** Everything that may go wrong behind the gateway, by the name of the model. */
export const behaviours: Readonly<Record<string, Behaviour>> = {
  ...Object.fromEntries(told.map((status) => [String(status), refusal(status, true)])),
  ...Object.fromEntries(hidden.map((status) => [String(status), refusal(status, false)])),
  well: behaviour((response, exchange) => well(response, exchange)),
  'well-but-telling': behaviour((response, exchange) => well(response, exchange, headers(exchange))),
  'well-and-talkative': behaviour((response, exchange) => {
    const { prompt, answer } = exchange
    const whole = {
      ...exchange.script.whole(said(exchange)),
      usage: { prompt_tokens: 3, of: prompt, to: [answer] },
    }
    if (!exchange.streaming || exchange.isBytes) return json(response, 200, whole)
    open(response, exchange)
    response.end(Buffer.concat([untilAnEvent(exchange), Buffer.from(`data: ${JSON.stringify(whole)}\n\n`)]))
  }, true),
  'error-inside': behaviour((response, exchange) => json(response, 200, errorBody(exchange)), true),
  'error-event': behaviour(
    inTheMiddle((exchange) => JSON.stringify(errorBody(exchange))),
    true,
  ),
  garbage: behaviour(inTheMiddle(({ answer, prompt }) => `{"choices":[{"x":${answer}${prompt}}`)),
  'garbage-in-quotes': behaviour(inTheMiddle(({ answer, prompt }) => `{"x":"${prompt}${answer}`)),
  'garbage-key': behaviour(inTheMiddle(({ key }) => `{"k":${key}}`)),
  mistyped: behaviour(
    inTheMiddle(({ answer, prompt }) => JSON.stringify({ choices: answer, content: prompt, candidates: answer })),
    true,
  ),
  page: behaviour((response, exchange) => {
    response.writeHead(502, { 'content-type': 'text/html' }).end(`<html><body>${blurt(exchange)}</body></html>`)
  }),
  'page-of-success': behaviour((response, exchange) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<html><body>${blurt(exchange)}</body></html>`)
  }),
  elsewhere: behaviour((response, { key, authority }) => {
    response.writeHead(302, { location: `http://${authority}/?key=${key}` }).end()
  }),
  cut: behaviour(async (response, exchange) => {
    if (!exchange.streaming) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100000' })
      response.write(JSON.stringify(exchange.script.whole(said(exchange))))
    } else {
      open(response, exchange)
      response.write(parts(exchange)[0])
    }
    await setTimeout(5)
    response.socket?.destroy()
  }),
  closed: behaviour((response) => void response.socket?.destroy()),
  hang: behaviour((response, exchange) => {
    open(response, exchange)
    response.write(parts(exchange)[0])
  }),
  silent: behaviour(() => undefined),
  drip: behaviour(async (response, exchange) => {
    open(response, exchange)
    const [begun] = parts(exchange)
    for (let at = 0; at < begun.length && !response.destroyed; at += 16) {
      response.write(begun.subarray(at, at + 16))
      await setTimeout(4)
    }
  }),
  broken: behaviour((response, exchange) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
    response.end(blurt(exchange))
  }),
}
