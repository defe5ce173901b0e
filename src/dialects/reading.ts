import type { ChatRoute, FormReading, JsonBody, RequestFacts, ServerDialect } from './contract.ts'
import type { Ask, OperationName } from './operation.ts'

/** How one route of the dialects that asks a model is read. */
export interface Reading {
  /** The operation, for the log of a request that cannot be read. */
  readonly operation: OperationName
  readonly decode: (body: JsonBody, facts: RequestFacts) => Ask
  readonly form?: FormReading
}

/** A route of a dialect that asks a model. */
export interface ModelRoute {
  readonly path: string
  readonly reading: Reading
}

/** All of a dialect's routes that ask a model. */
export function modelRoutes({ chat, operations = [] }: ServerDialect): readonly ModelRoute[] {
  return [
    ...chat.map((route) => ({ path: route.path, reading: chatReading(route) })),
    ...operations.map((route) => ({ path: route.path, reading: route })),
  ]
}

/** How a chat route is read: its question is told from those of other operations. */
function chatReading(route: ChatRoute): Reading {
  return { operation: 'chat', decode: (body, facts) => ({ operation: 'chat', ...route.decode(body, facts) }) }
}
