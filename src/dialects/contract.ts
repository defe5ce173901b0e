import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf'
import type { ChatEvent, ChatRequest, ChatResponse, CountTokensResponse } from '#gen/switchyard/v1/chat_pb.ts'
import type { ModelSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { ZodType } from 'zod'
import type { GatewayError } from '../error/index.ts'
import type { ChatDecoder, ClientOperations, SseMessage } from './client-operations.ts'
import type { Ask, AskOf, OperationName, Served, StreamedAnswer, WholeAnswer } from './operation.ts'
import type { Form } from './form.ts'
import type { Permission } from './permissions.ts'
import type { Surface } from './surface.ts'

export type { ChatDecoder, Ending, SseMessage } from './client-operations.ts'
export type { Served } from './operation.ts'

// ---------------------------------------------------------------- the server half: what clients speak to us

/** A JSON body, read and checked once: the text as it arrived and what it parses to. */
export interface JsonBody {
  readonly text: string
  readonly value: JsonObject
}

/** What a route may know of the HTTP request beside its body. */
export interface RequestFacts {
  readonly requestId: string
  /** Lower-case names; a header sent twice is joined by comma. */
  readonly header: (name: string) => string | undefined
  readonly query: URLSearchParams
  /** Values of the `:name` segments of the route's path, and of a `*` at its end. */
  readonly params: Readonly<Record<string, string>>
  /** Where the client found this gateway, such as `https://gateway.example.com`; undefined when that is not known. */
  readonly origin?: () => string | undefined
  /**
   * What a model is for, as methods of the inference contract: `chat`, `generate`, `embed`, `generateImages`, `transcribe`,
   * `synthesize`, `createVideo`, `infer`. Empty where nobody knows; absent where nobody can be asked.
   */
  readonly operationsOf?: (model: string) => readonly string[]
  /** Milliseconds that a call may take at most; absent where nobody can be asked. */
  readonly longestMs?: number
}

/** A chat request in the contract's terms, with what the dialect needs to answer it in its own. */
export type ChatAsk = Omit<Extract<AskOf<'chat'>, { streaming: true }>, 'operation' | 'streaming' | 'answer'> & {
  readonly streaming: boolean
  readonly answer: ChatAnswer
}

/** Writes one answer of a chat, whole or as it comes: always as text. */
export interface ChatAnswer extends WholeAnswer<'chat'>, StreamedAnswer<'chat'> {
  /** The body of a whole answer. */
  whole(response: ChatResponse, served: Served): string
  /** Content type of a streamed answer, where it is not server-sent events. */
  readonly contentType?: string
  /** The text, of server-sent events or what `contentType` says, for events that arrived together; may be empty. */
  events(batch: readonly ChatEvent[], served: Served): string
  /** What ends a stream that failed after its first event. */
  fail(error: GatewayError): string
}

/** One chat endpoint of a dialect. All are POST with a JSON body. */
export interface ChatRoute {
  /** The whole path; a `*` in it stands for any text, which is then `params['*']`: `/models/*:generate`. */
  readonly path: string
  readonly summary: string
  /** Schema of the body, for documentation; `decode` checks it. */
  readonly request: ZodType
  /** Schema of the whole answer, for documentation; of a route that only streams, of the value of each event. */
  readonly response: ZodType
  /** How it answers, where the body has no choice, for documentation. */
  readonly answers?: 'whole' | 'streamed'
  /** Reads the body. Throws `invalid_request`, naming the field. */
  decode(body: JsonBody, facts: RequestFacts): ChatAsk
}

/** One endpoint for another operation than chat, or for several. All are POST. */
export interface OperationRoute {
  readonly path: string
  readonly summary: string
  /** What it usually asks, for the log of requests that cannot be read. */
  readonly operation: OperationName
  /** Schema of the body, for documentation; `decode` checks it. */
  readonly request: ZodType
  /** Schema of a whole answer, for documentation; absent where the answer is not JSON. */
  readonly response?: ZodType
  /** Content types of answers beside JSON, for documentation. */
  readonly produces?: readonly string[]
  /** Headers that it reads beside those that every route does, by name, for documentation. */
  readonly headers?: Readonly<Record<string, ZodType>>
  /** Reads the body. Throws `invalid_request`, naming the field. */
  decode(body: JsonBody, facts: RequestFacts): Ask
  /** How the route reads a form, where it takes one. */
  readonly form?: FormReading
}

/** How a route reads `multipart/form-data`. */
export interface FormReading {
  /** Names of the parts that are files. */
  readonly files: readonly string[]
  /** True where nothing else is taken; `decode` of the route then reads what a form asks without its files. */
  readonly alone: boolean
  /** Reads the form, which is there until this is done. Throws `invalid_request` naming the field, and `unsupported_media_type`. */
  decode(form: Form, facts: RequestFacts): Promise<Ask>
}

/** One endpoint that tells what a chat request would read. All are POST with a JSON body. */
export interface CountRoute {
  readonly path: string
  readonly summary: string
  readonly request: ZodType
  readonly response: ZodType
  /** Reads the body. Throws `invalid_request`, naming the field. */
  decode(body: JsonBody, facts: RequestFacts): ChatRequest
  /** The body to answer with. */
  encode(count: CountTokensResponse): string
}

/** One endpoint that asks no model. It takes JSON or a form, and answers with JSON or a file. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** The whole path, with `:name` segments. */
  readonly path: string
  readonly summary: string
  readonly permission: Permission
  /** What may stand in the query, by name, for documentation; `answer` reads it. */
  readonly query?: Readonly<Record<string, ZodType>>
  /** Schema of the body, where the route takes one; of a form, its fields. `answer` checks it. */
  readonly request?: ZodType
  /** Names of the parts that are files, where the body is a form. */
  readonly files?: readonly string[]
  readonly response: ZodType
  /** Where the answer is a `FileContent`, whose bytes are sent as they are; `response` is their schema. */
  readonly sends?: 'file'
  /** Content types of files that it sends, for documentation, where they are known. */
  readonly produces?: readonly string[]
  /** HTTP status of a good answer, where it is not 200. */
  readonly status?: number
  /** True where a request that names an idempotency key is answered once: a repeat gets the same answer, and makes nothing. */
  readonly once?: true
  /** What to answer with. `form` is there when the route has `files`, else `body` when it has a `request`. Throws a `GatewayError`. */
  answer(facts: RequestFacts, surface: Surface, body: JsonBody | undefined, form?: Form): unknown
}

/** What our clients speak to us: the server half of a dialect. */
export interface ServerDialect {
  readonly name: string
  /** The path under which everything, unknown paths too, is answered in this dialect; the longest one wins. */
  readonly base: string
  /** True when request texts may be sent on verbatim, so that a name given twice is the upstream's business. */
  readonly passThrough: boolean
  readonly chat: readonly ChatRoute[]
  readonly counts?: readonly CountRoute[]
  readonly operations?: readonly OperationRoute[]
  /** Where this dialect's clients put their key beside the common headers. */
  token?(header: (name: string) => string | undefined, query: URLSearchParams): string | undefined
  readonly routes: readonly Route[]
  /** Paths of the vendor's API that are known and not served here, as prefixes in which `*` is any segment, so that a 404 can say so. */
  readonly absent: readonly string[]
  /** Schema of the body of an error, for documentation. */
  readonly error: ZodType
  /** The body of an error. */
  errorBody(error: GatewayError, requestId: string): string
  /** The HTTP status of an error, where the dialect departs from the common table. */
  errorStatus?(error: GatewayError): number
  /** Headers of every answer of this dialect, beside the common ones. */
  headers?(requestId: string, served?: Served): Readonly<Record<string, string>>
}

// ---------------------------------------------------------------- the client half: what we speak to an upstream

/** Cuts an upstream's answer into its events, whatever their framing. Made for one stream. */
export interface MessageReader {
  /** The events that `bytes` completed. */
  read(bytes: Uint8Array): SseMessage[]
  /** What the end of the stream completes. */
  end(): SseMessage[]
}

/** A piece of a message that is given by URL. */
export interface LinkedMedia {
  readonly kind: 'image' | 'audio' | 'file'
  /** As the client wrote it: a `data:` URL too. */
  readonly url: string
  /** As the client said it; empty when it did not. */
  readonly mediaType: string
}

/** As what media are carried. */
export type Carriage = 'url' | 'bytes'

/** The bytes that are sent in the place of a URL. */
export interface InlineMedia {
  readonly data: Uint8Array
  readonly mediaType: string
}

/** A chat request as an upstream wants it. */
export interface EncodedChat {
  /** JSON text. */
  readonly body: string
  /** Path and query below the base URL, where it depends on the request; the dialect's own otherwise. */
  readonly path?: string
  /** Headers beside those of every request. */
  readonly headers?: Readonly<Record<string, string>>
  /** Canonical or source paths that the body does not carry. */
  readonly dropped: readonly string[]
  /** Set when the client speaks this dialect and shall get the upstream's own chunks. */
  readonly passThrough: boolean
}

/** A question of how much a chat request would read, as an upstream wants it. */
export interface EncodedCount {
  /** Path and query below the base URL. */
  readonly path: string
  /** JSON text. */
  readonly body: string
  /** Headers beside those of every request. */
  readonly headers?: Readonly<Record<string, string>>
  /** Canonical or source paths that the body does not carry, and a chat would not either. */
  readonly dropped: readonly string[]
}

/** How an upstream is asked to count the tokens of a request. */
export interface CountDialect<Options> {
  encodeCount(request: ChatRequest, options: Options): EncodedCount
  /** The number in an answer's body. Throws `provider_error` for a body without one. */
  decodeCount(text: string): number
}

/** A model as an upstream lists it, in the contract's terms as far as the upstream tells. */
export type ListedModel = MessageInitShape<typeof ModelSchema>

/** One page of an upstream's list of models. */
export interface ModelsPage {
  readonly models: readonly ListedModel[]
  /** Where the next page begins; absent on the last one. */
  readonly next?: string
}

/** How an upstream is asked which models it has. */
export interface ModelsDialect<Options> {
  /** Path below the base URL, where a vendor has no other. */
  path(options: Options): string
  /** The query of the first page, or of the one that `cursor` begins: empty, or with its question mark. */
  query?(cursor: string | undefined): string
  /** Headers beside those of every request. */
  headers?(options: Options): Readonly<Record<string, string>>
  /** Reads a page. Throws `provider_error` for a body that is none. */
  decode(text: string): ModelsPage
}

/** An upstream's answer that is not a success. */
export interface UpstreamFailure {
  readonly status: number
  readonly header: (name: string) => string | undefined
  readonly text: string
}

/** What each of a format's options may be, where an operator says it. */
export type OptionSchemas<Options> = { readonly [Name in keyof Options]-?: ZodType }

/** What we speak to an upstream: the client half of a dialect. `Options` are what differs between vendors of one format. */
export interface ClientDialect<Options> {
  readonly name: string
  /** Path of the chat endpoint below a base URL, where a vendor has no other. */
  readonly chatPath: string
  /** What the format's own vendor does. */
  readonly defaults: Options
  readonly options: OptionSchemas<Options>
  encodeChat(request: ChatRequest, streaming: boolean, options: Options): EncodedChat
  /**
   * How a piece that is given by this URL is carried: as the URL, which the upstream reads by itself; as bytes, which the gateway puts in
   * its place before the request is encoded; or not at all.
   */
  carries?(media: LinkedMedia, options: Options): Carriage | undefined
  /** The client's own body, in this format, with bytes in the place of these URLs. Absent where such a body is never changed. */
  inlineMedia?(body: string, media: ReadonlyMap<string, InlineMedia>): string
  /** How a streamed answer of this content type is cut into events; as server-sent events when absent or undefined. */
  reader?(contentType: string, streaming: boolean): MessageReader | undefined
  decodeChat(encoded: Omit<EncodedChat, 'body'>, options: Options, upstreamRequestId: string): ChatDecoder
  /** Absent where the format has no such question; the gateway then estimates. */
  readonly count?: CountDialect<Options>
  readonly operations?: ClientOperations<Options>
  /** Absent where the format has no list of models. */
  readonly models?: ModelsDialect<Options>
  /** The error that a failed call means to the caller. */
  decodeError(failure: UpstreamFailure): GatewayError
}
