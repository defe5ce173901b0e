import type { SynthesizeRequest } from '#gen/switchyard/v1/audio_pb.ts'
import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import type { GenerateRequest } from '#gen/switchyard/v1/text_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { Video } from '#gen/switchyard/v1/video_pb.ts'
import type { GatewayError } from '../error/index.ts'
import type { OperationName, Operations } from './operation.ts'

// What the client half of a dialect has beside chat.

/** One server-sent event. */
export interface SseMessage {
  readonly event?: string | undefined
  readonly data: string
}

/** How an answer ended: what was left to say, and the error if it is not a complete answer. */
export interface Ending {
  /** `finished` for each choice unless it failed, and the usage that was reported in either case. */
  readonly events: ChatEvent[]
  readonly failure?: GatewayError
}

/** Reads one answer of an upstream. Made for one call. */
export interface ChatDecoder {
  /** A whole answer's body. Throws the error that an upstream hid in a success. */
  whole(text: string): ChatEvent[]
  /** One event of a stream. Never throws: an error in it is told by `end`. */
  event(message: SseMessage): ChatEvent[]
  /** True once the stream said that it is over, well or not; the rest of it need not be read. */
  readonly complete: boolean
  /** What follows when the stream is over or cut. */
  end(): Ending
}

/** A question of another operation than chat, as an upstream wants it. */
export interface EncodedCall {
  /** Path and query below the base URL. */
  readonly path: string
  /** JSON text; or another body, in pieces, whose content type is among the headers. */
  readonly body: string | readonly Uint8Array[]
  /** Headers beside those of every request. */
  readonly headers?: Readonly<Record<string, string>>
  /** Canonical or source paths that the body does not carry. */
  readonly dropped: readonly string[]
  /** Set when the client speaks this dialect and shall get the upstream's own words. */
  readonly passThrough: boolean
}

/** What an upstream gave as a whole answer. */
export interface UpstreamAnswer {
  readonly text: string
  readonly contentType: string
}

/** How an upstream is asked for something that it answers at once. */
export interface WholeDialect<Name extends OperationName, Options> {
  /** Parts of a request that is more than an upstream takes at once; absent where it takes everything. Answers are joined in order. */
  split?(request: Operations[Name]['request'], options: Options): readonly Operations[Name]['request'][]
  join?(responses: readonly Operations[Name]['response'][]): Operations[Name]['response']
  encode(request: Operations[Name]['request'], options: Options): EncodedCall
  /** Reads a whole answer. Throws the error that an upstream hid in a success, and `provider_error` for a body that is none. */
  decode(answer: UpstreamAnswer, encoded: EncodedCall, options: Options): Operations[Name]['response']
}

/** How an upstream is asked for raw completions. */
export interface TextDialect<Options> {
  /** False for a model that only chats: it is then asked in a chat. */
  serves(model: string, options: Options): boolean
  encode(request: GenerateRequest, streaming: boolean, options: Options): EncodedCall
  /** Reads an answer as that of a chat, whose text, ends and usage are what counts. */
  decode(encoded: Omit<EncodedCall, 'body'>, options: Options, upstreamRequestId: string): ChatDecoder
}

/** How an upstream is asked for speech, which comes as bytes. */
export interface SpeechDialect<Options> {
  encode(request: SynthesizeRequest, options: Options): EncodedCall
  /** Reads an answer that is no sound but text with the sound in it; absent where the body is the sound. */
  readonly decode?: (
    answer: UpstreamAnswer,
    request: SynthesizeRequest,
  ) => { readonly audio: Uint8Array; readonly mediaType: string; readonly usage?: Usage }
}

/** How an upstream makes videos: a job that is asked after. */
export interface VideoDialect<Options> extends WholeDialect<'create_video', Options> {
  /** How the upstream is asked how far a video is. */
  encodeGet(id: string, options: Options): Pick<EncodedCall, 'path' | 'headers'>
  decodeGet(answer: UpstreamAnswer, id: string, options: Options): Video
  /** Path below the base URL of the bytes of a video; where its first file leads, when absent. */
  contentPath?(id: string, options: Options): string
  /** How the upstream is asked to end a video; absent where it cannot be. */
  encodeCancel?(id: string, options: Options): Pick<EncodedCall, 'path'> & { readonly method: 'POST' | 'DELETE' }
}

/** What an upstream can be asked beside chats, each absent where its format has no such question. */
export interface ClientOperations<Options> {
  readonly generate?: TextDialect<Options>
  readonly embed?: WholeDialect<'embed', Options>
  readonly generateImages?: WholeDialect<'generate_images', Options>
  readonly transcribe?: WholeDialect<'transcribe', Options>
  readonly synthesize?: SpeechDialect<Options>
  readonly video?: VideoDialect<Options>
}
