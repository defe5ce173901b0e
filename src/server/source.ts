import type { RequestFacts, ServerDialect } from '../dialects/contract.ts'
import { parseBody } from '../dialects/json.ts'
import type { SourceDecoders } from './rpc-chat.ts'

/** A source arrives without the HTTP request it once was the body of, but for the headers that belong to it, and its model. */
function factsOf(headers: Readonly<Record<string, string>>, model: string): RequestFacts {
  return { requestId: '', header: (name) => headers[name], query: new URLSearchParams(), params: { '*': model } }
}

/** For each dialect whose texts may be sent on verbatim: how its bodies are read when they arrive as the `source` of an RPC. */
export function sourceDecoders(dialects: readonly ServerDialect[]): ReadonlyMap<string, SourceDecoders> {
  return new Map(dialects.flatMap((dialect) => (dialect.passThrough ? decodersOf(dialect) : [])))
}

function decodersOf({ name, chat: [route], counts: [counting] = [] }: ServerDialect): [string, SourceDecoders][] {
  if (route === undefined) return []
  const chat: SourceDecoders['chat'] = ({ body, headers }, model) =>
    route.decode(parseBody(body, true), factsOf(headers, model)).request
  const count: SourceDecoders['count'] = ({ body, headers }, model) =>
    counting?.decode(parseBody(body, true), factsOf(headers, model)) ?? chat({ body, headers }, model)
  return [[name, { chat, count }]]
}
