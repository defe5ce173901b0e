import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import { anthropicClient, geminiClient, openaiClient, responsesClient } from '#provider'
import type {
  ChatAnswer,
  ChatDecoder,
  ClientDialect,
  EncodedChat,
  MessageReader,
  RequestFacts,
} from '../../../src/dialects/contract.ts'
import { parseBody } from '../../../src/dialects/json.ts'
import { serverDialects } from '../../../src/dialects/servers.ts'
import { sseReader } from '../../../src/dialects/sse.ts'

/** Both halves of one dialect, each as the other's opposite. */
export interface Halves {
  readonly name: string
  /** Whose signatures the client half takes for its own. */
  readonly vendor: string
  /** A request as the client half sends it. */
  readonly encode: (request: ChatRequest) => EncodedChat
  /** The same as the server half reads it. */
  readonly decode: (body: string) => ChatRequest
  /** What writes an answer to a client. */
  readonly writer: (streaming: boolean) => ChatAnswer
  /** What reads it at the other end. */
  readonly reader: () => ChatDecoder
  /** What cuts a streamed answer into its events. */
  readonly cutter: (contentType: string) => MessageReader
}

const facts: RequestFacts = {
  requestId: 'r',
  header: () => undefined,
  query: new URLSearchParams('alt=sse'),
  params: { '*': 'some-model' },
}

function halves<Options extends { readonly vendor: string }>(client: ClientDialect<Options>, question: string): Halves {
  const { name, defaults: options } = client
  const routes = serverDialects.find((server) => server.name === name)?.chat ?? []
  const ask = (body: string, streaming: boolean) => {
    const route = streaming ? (routes.find(({ path }) => path.includes('stream')) ?? routes[0]) : routes[0]
    if (route === undefined) throw new Error(`the server half of ${name} has no chat`)
    return route.decode(parseBody(body, true), facts)
  }
  return {
    name,
    vendor: options.vendor,
    encode: (request) => client.encodeChat(request, false, options),
    decode: (body) => ask(body, false).request,
    writer: (streaming) => ask(question, streaming).answer,
    reader: () => client.decodeChat({ dropped: [], passThrough: false }, options, ''),
    cutter: (contentType) => client.reader?.(contentType, true) ?? sseReader(),
  }
}

const messages = [{ role: 'user', content: 'Hello' }]
const usageToo = { stream: true, stream_options: { include_usage: true } }

/** Every dialect that has both halves. */
export const dialects: readonly Halves[] = [
  halves(openaiClient, JSON.stringify({ model: 'm', messages, ...usageToo })),
  halves(anthropicClient, JSON.stringify({ model: 'm', max_tokens: 9, messages })),
  halves(geminiClient, JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] })),
  halves(responsesClient, JSON.stringify({ model: 'm', input: 'Hello' })),
]
