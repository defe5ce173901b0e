import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { JsonMap } from '../../wire/case.ts'
import { anthropic } from '../sdk-matrix/anthropic.ts'
import { bedrock } from '../sdk-matrix/bedrock.ts'
import { cohere } from '../sdk-matrix/cohere.ts'
import { gemini } from '../sdk-matrix/gemini.ts'
import { chatCompletions } from '../sdk-matrix/openai.ts'
import { named, type UpstreamScript } from '../sdk-matrix/script.ts'

/** What an upstream of one format answers to everything. */
interface Answers {
  readonly whole: object
  readonly stream: Buffer
  readonly streamType: string
}

const said = { text: 'Good morning.', calls: [] }
const scripted = (script: UpstreamScript): Answers => ({
  whole: script.whole(said),
  stream: script.stream(said),
  streamType: script.streamType,
})

const response = (status: string, output: object[]): object => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  model: 'scripted',
  status,
  output,
})
const spoken = {
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text: said.text, annotations: [] }],
}
const responses: Answers = {
  whole: response('completed', [spoken]),
  stream: Buffer.from(
    named([
      { type: 'response.created', response: response('in_progress', []) },
      { type: 'response.output_item.added', output_index: 0, item: { ...spoken, status: 'in_progress', content: [] } },
      { type: 'response.output_text.delta', item_id: 'msg_1', output_index: 0, content_index: 0, delta: said.text },
      { type: 'response.output_item.done', output_index: 0, item: spoken },
      { type: 'response.completed', response: response('completed', [spoken]) },
    ]),
  ),
  streamType: 'text/event-stream',
}

const line = { model: 'scripted', created_at: '2026-01-01T00:00:00Z', done: true, done_reason: 'stop' }
const lastLine = { ...line, message: { role: 'assistant', content: said.text }, prompt_eval_count: 3, eval_count: 2 }
const ollama: Answers = {
  whole: lastLine,
  stream: Buffer.from(`${JSON.stringify(lastLine)}\n`),
  streamType: 'application/x-ndjson',
}

/** The formats in which a provider can be asked, by their names, each with the plugin that asks so. */
export const formats = {
  openai: { type: 'openai', answers: scripted(chatCompletions('openai')) },
  responses: { type: 'openai', settings: { api: 'responses' }, answers: responses },
  anthropic: { type: 'anthropic', answers: scripted(anthropic) },
  gemini: { type: 'gemini', answers: scripted(gemini) },
  bedrock: { type: 'bedrock', answers: scripted(bedrock) },
  cohere: { type: 'cohere', answers: scripted(cohere) },
  ollama: { type: 'ollama', answers: ollama },
} as const satisfies Readonly<Record<string, { type: string; settings?: object; answers: Answers }>>

/** The name of a format in which a provider can be asked. */
export type Format = keyof typeof formats

/** A request that reached an upstream. */
export interface Reached {
  readonly format: Format
  readonly path: string
  readonly body: JsonMap
}

/** Upstreams of all formats on one port, each below its name. */
export interface Upstreams {
  /** What a provider of the format gets as its base URL. */
  baseUrl(format: Format): string
  /** What arrived since the last call of this. */
  taken(): Reached[]
  close(): Promise<void>
}

/** Starts upstreams that answer everything with one sentence, and every count with 5. */
export async function startUpstreams(): Promise<Upstreams> {
  let reached: Reached[] = []
  const server = createServer((request, answer) => {
    const [, name = '', path = ''] = /^\/(\w+)(\/.*)$/.exec(request.url ?? '') ?? []
    const format = name as Format
    json(request)
      .then((body) => {
        reached.push({ format, path, body: body as JsonMap })
        const { whole, stream, streamType } = formats[format].answers
        const streams = path.includes('stream') || (body as JsonMap)['stream'] === true
        const counts = /count_?tokens/i.test(path)
        answer.setHeader('content-type', streams ? streamType : 'application/json')
        answer.end(streams ? stream : JSON.stringify(counts ? { input_tokens: 5, totalTokens: 5 } : whole))
      })
      .catch((error: unknown) => answer.destroy(error as Error))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: (format) => `http://127.0.0.1:${port}/${format}`,
    taken() {
      const taken = reached
      reached = []
      return taken
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
