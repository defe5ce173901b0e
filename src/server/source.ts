import type { OperationRoute, RequestFacts, ServerDialect } from '../dialects/contract.ts'
import { parseBody } from '../dialects/json.ts'
import type { OperationName } from '../dialects/operation.ts'
import type { SourceDecoder, SourceDecoders } from './rpc-inference.ts'

/** A source arrives without the HTTP request it once was the body of, but for the headers that belong to it, and its model. */
function factsOf(headers: Readonly<Record<string, string>>, model: string): RequestFacts {
  return { requestId: '', header: (name) => headers[name], query: new URLSearchParams(), params: { '*': model } }
}

/** For each dialect whose texts may be sent on verbatim: how its bodies are read when they arrive as the `source` of an RPC. */
export function sourceDecoders(dialects: readonly ServerDialect[]): ReadonlyMap<string, SourceDecoders> {
  return new Map(dialects.flatMap((dialect) => (dialect.passThrough ? [[dialect.name, decodersOf(dialect)]] : [])))
}

function decodersOf({ chat: [route], counts: [counting] = [], operations = [] }: ServerDialect): SourceDecoders {
  const decoders: { -readonly [Name in keyof SourceDecoders]: SourceDecoders[Name] } = {}
  if (route !== undefined) {
    const chat: SourceDecoder<'chat'> = ({ body, headers }, model) =>
      route.decode(parseBody(body, true), factsOf(headers, model)).request
    decoders.chat = chat
    decoders.count_tokens = ({ body, headers }, model) =>
      counting?.decode(parseBody(body, true), factsOf(headers, model)) ?? chat({ body, headers }, model)
  }
  for (const one of operations) if (decoders[one.operation] === undefined) addDecoder(decoders, one.operation, one)
  return decoders
}

function addDecoder<Name extends OperationName>(
  decoders: { [Each in Name]?: SourceDecoder<Each> | undefined },
  name: Name,
  route: OperationRoute,
): void {
  decoders[name] = ({ body, headers }, model) => {
    const ask = route.decode(parseBody(body, true), factsOf(headers, model))
    return ask.operation === name ? (ask.request as ReturnType<SourceDecoder<Name>>) : undefined
  }
}
