import type { ChatAsk, ChatRoute, ServerDialect } from '../../../src/dialects/contract.ts'
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
  return routeOf(dialect, streaming).decode(parseBody(text, dialect.passThrough), facts)
}

/** Some dialects have a path of its own for answers that are streamed. */
function routeOf({ chat }: ServerDialect, streaming: boolean): ChatRoute {
  const route = streaming ? (chat.find(({ path }) => /stream/i.test(path)) ?? chat[0]) : chat[0]
  if (route === undefined) throw new Error('a dialect without a chat route')
  return route
}
