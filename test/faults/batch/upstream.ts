import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { tokensOf } from '../ledger/upstream.ts'

/** An upstream of chat completions that answers no further than it is let to, so that what happens meanwhile happens within a batch. */
export interface PacedUpstream {
  readonly url: string
  /** How often it was asked, by what it was asked. */
  readonly asked: ReadonlyMap<string, number>
  /** Questions that wait for their answer, of those who are still there. */
  readonly waiting: readonly string[]
  /** From now on it answers so many different questions, and all that were asked before again. */
  letPass(questions: number): void
  close(): Promise<void>
}

/** What becomes of a question: most are answered; some are refused, and some fail when they are asked for the first time. */
export function temperOf(id: string): 'well' | 'refused' | 'fails once' {
  const { input } = tokensOf(`temper ${id}`)
  if (input % 50 === 0) return 'refused'
  return input % 50 === 1 ? 'fails once' : 'well'
}

/** Starts one on a free port. */
export async function startPacedUpstream(): Promise<PacedUpstream> {
  const asked = new Map<string, number>()
  const places = new Map<string, number>()
  let passing = 0
  const waiting = new Map<ServerResponse, string>()
  const server = createServer((request, response) => {
    response.on('error', () => undefined)
    response.once('close', () => waiting.delete(response))
    void answer(request, response).catch(() => response.destroy())
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = await questionOf(request)
    const times = (asked.get(id) ?? 0) + 1
    asked.set(id, times)
    if (!response.destroyed) waiting.set(response, id)
    if (!places.has(id)) places.set(id, places.size)
    while ((places.get(id) ?? 0) >= passing && !response.destroyed) await setTimeout(10)
    await setTimeout(Math.random() * 20)
    const temper = temperOf(id)
    if (temper === 'refused') return json(response, 400, { error: { message: 'no', type: 'invalid_request_error' } })
    if (temper === 'fails once' && times === 1) return json(response, 503, { error: { message: 'later' } })
    const { input, output } = tokensOf(id)
    const message = { role: 'assistant', content: `answer to ${id}` }
    json(response, 200, {
      id: `chatcmpl-${id}`,
      created: 1,
      model: 'gpt-4o',
      object: 'chat.completion',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
      usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
    })
  }

  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    asked,
    get waiting() {
      return [...waiting.values()]
    },
    letPass(questions) {
      passing = questions
    },
    close: () =>
      new Promise((resolve) => {
        passing = Infinity
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function questionOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { messages } = JSON.parse(Buffer.concat(chunks).toString()) as {
    messages: readonly { readonly content: string | readonly { readonly text: string }[] }[]
  }
  const content = messages.at(-1)?.content ?? ''
  return typeof content === 'string' ? content : (content[0]?.text ?? '')
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
