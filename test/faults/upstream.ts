import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'

/** One request as it reached the upstream. */
export interface Received {
  /** As the body names it: the name that chose the answer. */
  readonly model: string
  readonly streaming: boolean
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Resolves when the asker closes the connection before the answer is complete. */
  readonly left: Promise<void>
}

/** What the upstream does with a request for one model. Returns when it is done; the connection stays as it left it. */
export type Answer = (response: ServerResponse, request: Received) => Promise<void> | void

/** An upstream that speaks chat completions and fails as it is told. */
export interface FaultUpstream {
  /** Base URL, without a trailing slash. */
  readonly url: string
  /** `127.0.0.1:port`: what no client may learn. */
  readonly authority: string
  /** What is done for a model; a model without an answer is 404. */
  answer(model: string, answer: Answer): void
  /** What was asked for a model so far, or for all. */
  received(model?: string): readonly Received[]
  /** Connections that were ever opened. */
  readonly connections: number
  /** Connections that are open now. */
  readonly open: number
  close(): Promise<void>
}

/** Starts one on a free port of 127.0.0.1. */
export async function startFaultUpstream(): Promise<FaultUpstream> {
  const answers = new Map<string, Answer>()
  const received: Received[] = []
  let connections = 0
  let open = 0
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  server.on('connection', (socket) => {
    connections += 1
    open += 1
    socket.on('close', () => (open -= 1))
  })
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on('error', () => undefined)
    response.socket?.setNoDelay(true)
    const left = leaving(response)
    const body = await text(request)
    const { model, stream } = JSON.parse(body) as { model: string; stream?: boolean }
    const asked: Received = { model, streaming: stream === true, headers: request.headers, body, left }
    received.push(asked)
    await (answers.get(model) ?? status(404, { error: { message: `no model ${model}` } }))(response, asked)
  }
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const authority = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${authority}/v1`,
    authority,
    answer: (model, answer) => void answers.set(model, answer),
    received: (model) => (model === undefined ? received : received.filter((asked) => asked.model === model)),
    get connections() {
      return connections
    },
    get open() {
      return open
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function leaving(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('close', () => {
      if (!response.writableFinished) resolve()
    })
  })
}

// ------------------------------------------------------------------------------------------------------ what is said

/** What a model says in these tests, in so many pieces, and what it claims to have consumed. */
export const words = ['one ', 'two ', 'three ', 'four ']
export const said = words.join('')
export const consumed = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 }

/** One chunk of a stream as text. */
export function frame(value: object): string {
  return `data: ${JSON.stringify({ id: 'chatcmpl-fault', object: 'chat.completion.chunk', created: 1, model: 'fault', ...value })}\n\n`
}

/** A chunk that says something. */
export function delta(content: string): string {
  return frame({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })
}

const finish = frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
const usage = frame({ choices: [], usage: consumed })
export const done = 'data: [DONE]\n\n'

/** A whole stream, frame by frame: the words, why it stopped, the usage, and the end. */
export const frames: readonly string[] = [...words.map(delta), finish, usage, done]
/** How many of {@link frames} there are until the answer is complete but for its last word. */
export const framesToFinish = words.length + 1

/** A whole answer. */
export const whole = {
  id: 'chatcmpl-fault',
  object: 'chat.completion',
  created: 1,
  model: 'fault',
  choices: [{ index: 0, message: { role: 'assistant', content: said }, finish_reason: 'stop' }],
  usage: consumed,
}

// --------------------------------------------------------------------------------------------------- how it is said

/** Answers as it should, whole or streamed as it was asked. */
export const well: Answer = (response, { streaming }) =>
  streaming ? pieces(frames, 'end')(response, asIs) : status(200, whole)(response, asIs)

/** Answers with a status and a body: JSON, or text as it is. */
export function status(code: number, body: object | string, headers: Record<string, string> = {}): Answer {
  return (response) => {
    const type = typeof body === 'string' ? {} : { 'content-type': 'application/json' }
    response.writeHead(code, { ...type, ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
}

/** How a stream goes on after its pieces: it ends, its socket is closed, or nothing more comes. */
export type After = 'end' | 'cut' | 'hang'

/** Sends the pieces one by one, each in a packet of its own, with a pause of `everyMs` between them. */
export function pieces(sent: readonly (string | Buffer)[], after: After, everyMs = 0, type = streamType): Answer {
  return async (response) => {
    response.writeHead(200, { 'content-type': type })
    response.flushHeaders()
    for (const [index, piece] of sent.entries()) {
      if (index > 0) await setTimeout(everyMs)
      if (response.destroyed) return
      await new Promise((resolve) => response.write(piece, resolve))
    }
    if (after === 'end') response.end()
    if (after === 'cut') response.socket?.destroy()
  }
}

const streamType = 'text/event-stream'

/** Takes the request and says nothing, not even a status. */
export const silence: Answer = () => undefined

/** Sends so many bytes of answers as fast as they are taken, until the asker leaves. */
export function flood(bytes: number): Answer {
  return async (response) => {
    response.writeHead(200, { 'content-type': streamType })
    const piece = delta('x'.repeat(16 * 1024))
    for (let sent = 0; sent < bytes && !response.destroyed; sent += piece.length) {
      if (!response.write(piece)) await takenOrLeft(response)
    }
    if (!response.destroyed) response.end(finish + usage + done)
  }
}

function takenOrLeft(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off('drain', settle)
      response.off('close', settle)
      resolve()
    }
    response.on('drain', settle)
    response.on('close', settle)
  })
}

/** For answers that do not look at the request. */
const asIs: Received = { model: '', streaming: false, headers: {}, body: '', left: Promise.resolve() }
