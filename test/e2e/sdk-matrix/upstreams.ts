import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { anthropic } from './anthropic.ts'
import { bedrock } from './bedrock.ts'
import { cohere } from './cohere.ts'
import { gemini } from './gemini.ts'
import { chatCompletions } from './openai.ts'
import { asMap, type JsonMap } from '../../wire/case.ts'
import { type Said, scriptedCalls, type UpstreamScript } from './script.ts'

/** The vendors, by the name of the provider that leads to each. */
export const upstreamScripts: Readonly<Record<string, UpstreamScript>> = {
  openai: chatCompletions('openai'),
  anthropic,
  gemini,
  bedrock,
  cohere,
  mistral: chatCompletions('mistral'),
}

/** All vendors on one port, each below its name. */
interface ScriptedUpstream {
  /** What a provider of the vendor gets as its base URL. */
  baseUrl(name: string): string
  close(): Promise<void>
}

/**
 * Serves the scripts on a free port of 127.0.0.1. The model's name says what is answered: `text` talks, `loop` calls one
 * tool and `parallel` two and both talk once they have the results, `limited` refuses. A request that does not carry what
 * it should is a 400 that says so.
 */
export async function startScriptedUpstream(): Promise<ScriptedUpstream> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: (name) => `http://127.0.0.1:${port}/${name}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, name = '', path = ''] = /^\/(\w+)(\/.*)$/.exec(request.url ?? '') ?? []
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const script = upstreamScripts[name]
  const json = (status: number, body: object, headers = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
  }
  if (script === undefined || !script.path.test(path)) {
    json(404, { message: `there is nothing at ${request.url}` })
    return
  }
  const body = asMap(JSON.parse(Buffer.concat(chunks).toString())) ?? {}
  const model = script.model(path, body)
  if (model === 'limited') {
    json(429, script.limit, { 'retry-after': '7' })
    return
  }
  const said = turnOf(script, model, body)
  if (typeof said === 'string') {
    json(400, { error: { message: said, type: 'invalid_request_error' }, message: said })
    return
  }
  if (!script.streams(path, body)) {
    json(200, script.whole(said))
    return
  }
  response.writeHead(200, { 'content-type': script.streamType }).end(script.stream(said))
}

/** What the model says to this request, or what is wrong with the request. */
function turnOf(script: UpstreamScript, model: string, body: JsonMap): Said | string {
  if (!JSON.stringify(body).includes('Hello there')) return 'the words of the user are missing'
  if (model === 'text') return { text: 'Good morning.', calls: [] }
  const calls = scriptedCalls.slice(0, model === 'parallel' ? 2 : 1)
  const absent = calls.find(({ name }) => !JSON.stringify(body).includes(`"name":"${name}"`))
  if (absent !== undefined) return `the tool ${absent.name} is missing`
  const results = script.results(body)
  if (results.length === 0) return { text: '', calls }
  const keys = results.map(({ key }) => key).join(' ')
  if (keys !== calls.map((call) => script.key(call)).join(' ')) return `the results are of ${keys}`
  const words = results.map((result) => /sunny|rainy/.exec(result.output)?.[0] ?? 'nothing')
  return { text: `It is ${words.join(' and ')}.`, calls: [] }
}
