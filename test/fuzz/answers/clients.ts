import type {
  ChatAnswer,
  ChatAsk,
  ChatRoute,
  JsonBody,
  RequestFacts,
  ServerDialect,
} from '../../../src/dialects/contract.ts'
import { parseBody } from '../../../src/dialects/json.ts'
import { serverDialects } from '../../../src/dialects/servers.ts'

/** Who may ask: every dialect, and the contract itself. */
export const clients: readonly string[] = [...serverDialects.map(({ name }) => name), 'rpc']

const messages = [{ role: 'user', content: 'Hi' }]
const model = 'upstream/m'

const bodies: Readonly<Record<string, (stream: boolean) => object>> = {
  openai: (stream) => ({ model, messages, stream, ...(stream && { stream_options: { include_usage: true } }) }),
  responses: (stream) => ({ model, input: 'Hi', stream }),
  anthropic: (stream) => ({ model, messages, max_tokens: 9, stream }),
  gemini: () => ({ contents: [{ parts: [{ text: 'Hi' }] }] }),
  platform: () => ({ model, messages }),
  scaigrid: (stream) => ({ model, messages, stream }),
  sgp: (stream) => ({ model, args: { messages, stream } }),
}

/** The plainest question there is, asked in the client's dialect; undefined for the contract itself. */
export function askOf(client: string, streaming: boolean): ChatAsk | undefined {
  const dialect = serverDialects.find(({ name }) => name === client)
  const body = bodies[client]
  if (dialect === undefined || body === undefined) return undefined
  const text = JSON.stringify(body(streaming))
  const query = new URLSearchParams(client === 'gemini' ? { alt: 'sse' } : {})
  const facts = { requestId: 'req-1', header: () => undefined, query, params: { '*': model } }
  const read = parseBody(text, dialect.passThrough)
  return dialect.chat.length > 0 ? routeOf(dialect, streaming).decode(read, facts) : genericAsk(dialect, read, facts)
}

/** A dialect that asks everything at one path. The answer to a chat is written whole and as it comes by the same object. */
function genericAsk({ operations = [] }: ServerDialect, body: JsonBody, facts: RequestFacts): ChatAsk {
  const ask = operations[0]?.decode(body, facts)
  if (ask?.operation !== 'chat') throw new Error('a dialect that cannot chat')
  return { ...ask, answer: ask.answer as ChatAnswer }
}

/** Some dialects have a path of its own for answers that are streamed. */
function routeOf({ chat }: ServerDialect, streaming: boolean): ChatRoute {
  const route = streaming ? (chat.find(({ path }) => /stream/i.test(path)) ?? chat[0]) : chat[0]
  if (route === undefined) throw new Error('a dialect without a chat route')
  return route
}
