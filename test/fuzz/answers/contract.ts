import { fromJsonString, toJson } from '@bufbuild/protobuf'
import { type ChatEvent, ChatEventSchema } from '#gen/switchyard/v1/chat_pb.ts'
import {
  anthropicClient,
  bedrockClient,
  cohereClient,
  geminiClient,
  ollamaClient,
  openaiClient,
  responsesClient,
} from '../../../src/dialects/clients.ts'
import type { ChatDecoder, ClientDialect } from '../../../src/dialects/contract.ts'
import { lineReader } from '../../../src/dialects/ollama/lines.ts'
import { sseReader } from '../../../src/dialects/sse.ts'
import { fail } from '../../../src/error/index.ts'
import { plain, type Seed } from './units.ts'

/**
 * The contract's own events, one to a line: what a remote provider answers with, which need keep none of the promises that the client
 * halves keep. It stands in for the codecs of gRPC, which let nothing else through.
 */
export const contractClient: ClientDialect<object> = {
  name: 'remote',
  chatPath: '',
  defaults: {},
  options: {},
  encodeChat: () => ({ body: '{}', dropped: [], passThrough: true }),
  reader: () => lineReader(),
  decodeChat: () => new EventDecoder(),
  decodeError: ({ status }) => fail('provider_error', `the provider failed with status ${status}`),
}

class EventDecoder implements ChatDecoder {
  readonly complete = false
  #broken = false

  whole(text: string): ChatEvent[] {
    return text.split('\n').flatMap((line) => this.event({ data: line }))
  }

  event({ data }: { readonly data: string }): ChatEvent[] {
    if (this.#broken || data === '') return []
    try {
      return [fromJsonString(ChatEventSchema, data, { ignoreUnknownFields: true })]
    } catch {
      this.#broken = true
      return []
    }
  }

  end() {
    return this.#broken ? { events: [], failure: fail('provider_interrupted', 'the connection broke') } : { events: [] }
  }
}

const byFormat = {
  completions: openaiClient,
  responses: responsesClient,
  anthropic: anthropicClient,
  gemini: geminiClient,
  bedrock: bedrockClient,
  cohere: cohereClient,
  ollama: ollamaClient,
} as const

/** The events that a client half reads in a recorded answer, each of them a unit; none for an answer that failed. */
export function asEvents(format: keyof typeof byFormat, bytes: Buffer, seed: Seed): Seed[] {
  const events = read(byFormat[format] as ClientDialect<unknown>, bytes, seed)
  if (events.length === 0) return []
  const units = events.map((event) => plain(JSON.stringify(toJson(ChatEventSchema, event)), '\n'))
  return [{ ...seed, streaming: true, headers: {}, units }]
}

function read<Options>(dialect: ClientDialect<Options>, bytes: Buffer, seed: Seed): ChatEvent[] {
  const decoder = dialect.decodeChat({ dropped: [], passThrough: true }, dialect.defaults, 'request-1')
  try {
    const reader = dialect.reader?.(seed.headers['content-type'] ?? '', seed.streaming) ?? sseReader()
    if (!seed.streaming) return decoder.whole(bytes.toString())
    const events = [...reader.read(bytes), ...reader.end()].flatMap((message) => decoder.event(message))
    return [...events, ...decoder.end().events]
  } catch {
    return []
  }
}
