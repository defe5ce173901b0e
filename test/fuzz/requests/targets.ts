import { toJSONSchema } from 'zod'
import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import type { ChatAsk, RequestFacts, ServerDialect } from '../../../src/dialects/contract.ts'
import { parseBody } from '../../../src/dialects/json.ts'
import { serverDialects } from '../../../src/dialects/servers.ts'
import { decodeUtf8 } from '../../../src/server/body.ts'
import { onlyGatewayError, requireCleanPrototypes } from '../fault.ts'
import { dictionaryOf } from '../json-edits.ts'
import type { Target } from '../target.ts'
import { type Ask, readAsk, writeAsk } from './ask.ts'
import { requireAnswers } from './answering.ts'
import { asks } from './edits.ts'
import { requireRefusal, requireRequest } from './oracle.ts'
import { bodiesOf } from './seeds.ts'
import { simplerAsks } from './simpler-ask.ts'

/** What reads the requests of clients: the server half of every dialect, from the bytes of a body to what upstreams are asked. */
export const requestTargets: readonly (() => Target<Ask>)[] = serverDialects.map((dialect) => () => target(dialect))

const bare = { query: '', headers: {} }

function target(dialect: ServerDialect): Target<Ask> {
  const bodies = bodiesOf(dialect.name)
  const routes = [...dialect.chat, ...(dialect.counts ?? [])]
  const known = routes.map(({ request }) => JSON.stringify(toJSONSchema(request, { unrepresentable: 'any' })))
  const dictionary = dictionaryOf([...bodies, ...known], 600)
  return {
    name: `request-${dialect.name}`,
    inputs: asks(
      bodies,
      routes.map(({ path }) => path),
      dictionary,
    ),
    recorded: routes.flatMap(({ path }) => bodies.map((body) => ({ ...bare, route: path, body: Buffer.from(body) }))),
    async check(ask) {
      const decoded = decode(dialect, ask)
      if (decoded !== undefined) requireRequest(decoded.request, decoded.chat?.streaming ?? false)
      if (decoded?.chat !== undefined) requireAnswers(decoded.chat)
      requireCleanPrototypes()
    },
    simpler: simplerAsks,
    write: writeAsk,
    read: readAsk,
  }
}

/** The request, with the chat it is part of unless it asks for a count; undefined when it was refused as it should be. */
function decode(
  dialect: ServerDialect,
  { route, query, headers, body }: Ask,
): { request: ChatRequest; chat?: ChatAsk } | undefined {
  const facts: RequestFacts = {
    requestId: 'req-1',
    header: (name) => headers[name],
    query: new URLSearchParams(query),
    params: { '*': 'upstream/m' },
  }
  const chat = dialect.chat.find(({ path }) => path === route)
  const count = dialect.counts?.find(({ path }) => path === route)
  try {
    const read = parseBody(decodeUtf8(body), dialect.passThrough)
    if (chat === undefined) return count && { request: count.decode(read, facts) }
    const asked = chat.decode(read, facts)
    return { request: asked.request, chat: asked }
  } catch (thrown) {
    requireRefusal(dialect, onlyGatewayError('uncaught', thrown))
    return undefined
  }
}
