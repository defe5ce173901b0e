import { toJSONSchema } from 'zod'
import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import type { RequestFacts, ServerDialect } from '../../../src/dialects/contract.ts'
import { parseBody } from '../../../src/dialects/json.ts'
import type { Ask as AskOfModel } from '../../../src/dialects/operation.ts'
import { serverDialects } from '../../../src/dialects/servers.ts'
import { decodeUtf8 } from '../../../src/server/body.ts'
import { onlyGatewayError, requireCleanPrototypes } from '../fault.ts'
import { dictionaryOf } from '../json-edits.ts'
import type { Target } from '../target.ts'
import { type Ask, readAsk, writeAsk } from './ask.ts'
import { requireAnswers } from './answering.ts'
import { asks } from './edits.ts'
import { requireMessage, requireRefusal, requireRequest } from './oracle.ts'
import { bodiesOf } from './seeds.ts'
import { simplerAsks } from './simpler-ask.ts'

/** What reads the requests of clients: the server half of every dialect, from the bytes of a body to what upstreams are asked. */
export const requestTargets: readonly (() => Target<Ask>)[] = serverDialects.map((dialect) => () => target(dialect))

const bare = { query: '', headers: {} }

function target(dialect: ServerDialect): Target<Ask> {
  const bodies = bodiesOf(dialect.name)
  // What is taken as a form alone has no JSON body.
  const operations = (dialect.operations ?? []).filter(({ form }) => form?.alone !== true)
  const routes = [...dialect.chat, ...(dialect.counts ?? []), ...operations]
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
      if (decoded !== undefined) requireTaken(decoded)
      requireCleanPrototypes()
    },
    simpler: simplerAsks,
    write: writeAsk,
    read: readAsk,
  }
}

function requireTaken(decoded: ChatRequest | AskOfModel): void {
  if ('messages' in decoded) requireRequest(decoded, false)
  else if (decoded.operation === 'chat') {
    requireRequest(decoded.request, decoded.streaming)
    requireAnswers(decoded)
  } else requireMessage(decoded.request)
}

/** What was asked, or the request alone where it asks for a count; undefined when it was refused as it should be. */
function decode(dialect: ServerDialect, { route, query, headers, body }: Ask): ChatRequest | AskOfModel | undefined {
  const facts: RequestFacts = {
    requestId: 'req-1',
    header: (name) => headers[name],
    query: new URLSearchParams(query),
    params: { '*': 'upstream/m' },
    operationsOf: () => ['chat', 'embed', 'generateImages'],
  }
  const here = ({ path }: { readonly path: string }): boolean => path === route
  const chat = dialect.chat.find(here)
  try {
    const read = parseBody(decodeUtf8(body), dialect.passThrough)
    if (chat !== undefined) return { operation: 'chat', ...chat.decode(read, facts) }
    return (dialect.counts?.find(here) ?? dialect.operations?.find(here))?.decode(read, facts)
  } catch (thrown) {
    requireRefusal(dialect, onlyGatewayError('uncaught', thrown))
    return undefined
  }
}
