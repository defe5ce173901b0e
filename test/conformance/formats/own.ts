import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import type { RequestFacts, Served, ServerDialect } from '../../../src/dialects/contract.ts'
import { parseBody } from '../../../src/dialects/json.ts'
import { openaiServer } from '../../../src/dialects/openai/server.ts'
import type { Arrived, Played } from './played.ts'

const served: Served = { requestId: 'r', provider: 'simulator', model: 'm', alias: 'm', elapsed: () => 0 }

/** A format played by our own server half. */
export function played(server: ServerDialect): Played {
  const { name, chat, counts } = server
  const counting = counts?.[0]
  return {
    chat({ path, facts, text }) {
      const streams = path.includes(':streamGenerate')
      const route = chat.find((one) => one.path.includes('stream') === streams) ?? chat[0]
      if (route === undefined) throw new Error(`the server half of ${name} has no chat`)
      const { request, streaming, answer } = route.decode(parseBody(text, true), facts)
      return {
        request,
        streaming,
        contentType: 'text/event-stream',
        whole: (response) => answer.whole(response, served),
        events: (batch) => answer.events(batch, served),
        end: () => answer.end(),
        fail: (error) => answer.fail(error),
      }
    },
    ...(counting !== undefined && {
      count: ({ facts, text }: Arrived) => ({
        request: counting.decode(parseBody(text, true), facts),
        write: counting.encode.bind(counting),
      }),
    }),
    errorBody: (error) => server.errorBody(error, 'r'),
  }
}

const noFacts: RequestFacts = { requestId: 'r', header: () => undefined, query: new URLSearchParams(), params: {} }

/** What a request means that says the same as this chat completion. Throws `invalid_request`. */
export function completion(body: object): ChatRequest {
  const [route] = openaiServer.chat
  if (route === undefined) throw new Error('there is no chat')
  return route.decode(parseBody(JSON.stringify(body), true), noFacts).request
}
