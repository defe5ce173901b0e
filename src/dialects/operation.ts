import type {
  SynthesizeEvent,
  SynthesizeRequest,
  TranscribeRequest,
  TranscribeResponse,
} from '#gen/switchyard/v1/audio_pb.ts'
import type { ChatEvent, ChatRequest, ChatResponse } from '#gen/switchyard/v1/chat_pb.ts'
import type { EmbedRequest, EmbedResponse } from '#gen/switchyard/v1/embedding_pb.ts'
import type { GenerateImagesRequest, GenerateImagesResponse } from '#gen/switchyard/v1/image_pb.ts'
import type { InferEvent, InferRequest, InferResponse } from '#gen/switchyard/v1/infer_pb.ts'
import type { GenerateEvent, GenerateRequest, GenerateResponse } from '#gen/switchyard/v1/text_pb.ts'
import type { CreateVideoRequest, Video } from '#gen/switchyard/v1/video_pb.ts'
import type { GatewayError } from '../error/index.ts'
import type { FileOperations } from './surface.ts'

/**
 * What a model can be asked, by the name the request log has for it: the question, the events of its answer, and the answer they
 * spell. Where a provider answers at once, the whole answer is the only event.
 */
export interface Operations {
  readonly chat: { readonly request: ChatRequest; readonly event: ChatEvent; readonly response: ChatResponse }
  readonly generate: {
    readonly request: GenerateRequest
    readonly event: GenerateEvent
    readonly response: GenerateResponse
  }
  readonly embed: { readonly request: EmbedRequest; readonly event: EmbedResponse; readonly response: EmbedResponse }
  readonly generate_images: {
    readonly request: GenerateImagesRequest
    readonly event: GenerateImagesResponse
    readonly response: GenerateImagesResponse
  }
  readonly transcribe: {
    readonly request: TranscribeRequest
    readonly event: TranscribeResponse
    readonly response: TranscribeResponse
  }
  readonly synthesize: {
    readonly request: SynthesizeRequest
    readonly event: SynthesizeEvent
    readonly response: readonly SynthesizeEvent[]
  }
  readonly create_video: { readonly request: CreateVideoRequest; readonly event: Video; readonly response: Video }
  readonly infer: { readonly request: InferRequest; readonly event: InferEvent; readonly response: InferResponse }
}

/** The name of an operation, as the request log has it. */
export type OperationName = keyof Operations

/** Who answers a call: known once the first event is here. Of one that failed, who was asked last. */
export interface Served {
  readonly requestId: string
  /** The provider's name in this gateway. */
  readonly provider: string
  /** The model the upstream was asked for. */
  readonly model: string
  /** The model name the client asked for. */
  readonly alias: string
  /** Milliseconds since the request arrived. */
  readonly elapsed: () => number
}

/** A body that is not JSON. */
export interface Payload {
  readonly body: string | Uint8Array
  readonly contentType: string
}

/** Where an answer can keep a part of itself. */
export type KeptFiles = Pick<FileOperations, 'upload' | 'link'>

/** Writes an answer as one body. */
export interface WholeAnswer<Name extends OperationName> {
  /** The answer as it is to be written, where something has to be done for it first, such as keeping what the client wants a link to. */
  prepare?(response: Operations[Name]['response'], files: KeptFiles): Promise<Operations[Name]['response']>
  /** JSON text, or another body with its content type. */
  whole(response: Operations[Name]['response'], served: Served): string | Payload
}

/** Writes an answer as it comes. Made for one call; it may keep state between batches. */
export interface StreamedAnswer<Name extends OperationName> {
  /** Content type, where it is not server-sent events. */
  readonly contentType?: string
  /** The content type where the first events decide. */
  contentTypeOf?(first: readonly Operations[Name]['event'][]): string
  /** What is written for events that arrived together; may be empty. */
  events(batch: readonly Operations[Name]['event'][], served: Served): string | Uint8Array
  /** What follows the last event of a stream that ended well. */
  end(): string
  /** What ends a stream that failed after its first event; undefined where only a broken connection can say so. */
  fail(error: GatewayError): string | undefined
}

/** What every question comes with, whatever it asks. */
interface AskBase<Name extends OperationName> {
  readonly operation: Name
  /** Its model, and whether it is strict, are filled in by the edge where a dialect has them elsewhere. */
  readonly request: Operations[Name]['request']
  /** Milliseconds for the whole call, where the client may choose; otherwise the gateway's own limit. */
  readonly timeoutMs?: number
  /** Retries after the first try, where the client may choose. */
  readonly retries?: number
  /** The account (tenant) the client wants to act for. */
  readonly account?: string
  /** True: a limit of the answer over what the model can write is lowered to that, where it is known. */
  readonly capsOutput?: boolean
  /** Fields of the body that no provider is shown, beside those that `request` cannot carry. */
  readonly dropped?: readonly string[]
}

/** A question in the contract's terms, with what the dialect needs to answer it in its own. */
export type AskOf<Name extends OperationName> = AskBase<Name> &
  (
    | { readonly streaming: false; readonly answer: WholeAnswer<Name> }
    | { readonly streaming: true; readonly answer: StreamedAnswer<Name> }
  )

/** A question of any operation. */
export type Ask = { readonly [Name in OperationName]: AskOf<Name> }[OperationName]
