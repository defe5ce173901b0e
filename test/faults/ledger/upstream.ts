import { hash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { Points } from './points.ts'

/** Tokens of one answer. */
export interface Tokens {
  readonly input: number
  readonly output: number
}

/** An upstream that keeps books of its own: whom it was asked by, and what it told them that it counted. */
export interface BookkeepingUpstream {
  readonly url: string
  /** By the id of the call, which its prompt names. */
  readonly calls: ReadonlyMap<string, Tokens>
  close(): Promise<void>
}

/** What the upstream counts for a call: the same whenever it is asked. */
export function tokensOf(id: string): Tokens {
  const digest = Buffer.from(hash('sha256', id), 'hex')
  return { input: 10 + (digest.readUInt16BE(0) % 900), output: 1 + (digest.readUInt16BE(2) % 300) }
}

/** How the upstream treats a call: most are answered, some fail before or within the answer. */
function temperOf(id: string): 'well' | 'fails' | 'cut' {
  const byte = Number.parseInt(hash('sha256', `temper ${id}`).slice(0, 2), 16)
  if (byte < 8) return 'fails'
  return byte < 16 ? 'cut' : 'well'
}

/** Starts an upstream of chat completions on a free port. */
export async function startUpstream(points: Points): Promise<BookkeepingUpstream> {
  const calls = new Map<string, Tokens>()
  const server = createServer((request, response) => {
    response.on('error', () => undefined)
    void answer(request, response, calls, points).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Asked {
  readonly model: string
  readonly stream?: boolean
  readonly messages: readonly { readonly content: string | readonly { readonly text: string }[] }[]
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  calls: Map<string, Tokens>,
  points: Points,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const asked = JSON.parse(Buffer.concat(chunks).toString()) as Asked
  const content = asked.messages.at(-1)?.content ?? ''
  const id = typeof content === 'string' ? content : (content[0]?.text ?? '')
  const tokens = tokensOf(id)
  calls.set(id, tokens)
  points.reached('dispatched')
  await setTimeout(Math.random() * 20)
  const temper = temperOf(id)
  if (temper === 'fails') return json(response, 400, { error: { message: 'refused', type: 'invalid_request_error' } })
  const usage = {
    prompt_tokens: tokens.input,
    completion_tokens: tokens.output,
    total_tokens: tokens.input + tokens.output,
  }
  const head = { id: `chatcmpl-${id}`, created: 1, model: asked.model }
  if (asked.stream !== true) {
    if (temper === 'cut') return void response.destroy()
    const message = { role: 'assistant', content: `answer to ${id}` }
    json(response, 200, {
      ...head,
      object: 'chat.completion',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
      usage,
    })
    points.reached('last chunk')
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (fields: object): void => {
    response.write(`data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', ...fields })}\n\n`)
  }
  const choice = (delta: object, reason: string | null = null) => ({
    choices: [{ index: 0, delta, finish_reason: reason }],
  })
  send(choice({ role: 'assistant', content: 'answer ' }))
  points.reached('first chunk')
  for (const word of ['to ', id]) {
    await setTimeout(Math.random() * 10)
    send(choice({ content: word }))
  }
  if (temper === 'cut') return void response.destroy()
  send(choice({}, 'stop'))
  send({ choices: [], usage })
  response.end('data: [DONE]\n\n')
  points.reached('last chunk')
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
