import type { RequestFacts, ServerDialect } from '../dialects/contract.ts'
import { parseBody } from '../dialects/json.ts'
import type { SourceDecoder } from './rpc-chat.ts'

/** A source arrives without the HTTP request it once was the body of, but for the headers that belong to it. */
function factsOf(headers: Readonly<Record<string, string>>): RequestFacts {
  return { requestId: '', header: (name) => headers[name], query: new URLSearchParams(), params: {} }
}

/** For each dialect whose texts may be sent on verbatim: how its chat bodies are read when they arrive as the `source` of an RPC. */
export function sourceDecoders(dialects: readonly ServerDialect[]): ReadonlyMap<string, SourceDecoder> {
  return new Map(
    dialects.flatMap(({ name, passThrough, chat: [route] }) =>
      passThrough && route !== undefined
        ? [[name, ({ body, headers }) => route.decode(parseBody(body, true), factsOf(headers)).request] as const]
        : [],
    ),
  )
}
