import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ZodType } from 'zod'
import type {
  SynthesizeEventSchema,
  SynthesizeRequest,
  TranscribeRequest,
  TranscribeResponseSchema,
} from '#gen/switchyard/v1/audio_pb.ts'
import type { ChatEventSchema, ChatRequest, CountTokensResponseSchema } from '#gen/switchyard/v1/chat_pb.ts'
import type { EmbedRequest, EmbedResponseSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import type { GenerateImagesRequest, GenerateImagesResponseSchema } from '#gen/switchyard/v1/image_pb.ts'
import type { InferEventSchema, InferRequest } from '#gen/switchyard/v1/infer_pb.ts'
import type { ModelSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { GenerateEventSchema, GenerateRequest } from '#gen/switchyard/v1/text_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type {
  CancelVideoRequest,
  CreateVideoRequest,
  DownloadVideoRequest,
  DownloadVideoResponseSchema,
  GetVideoRequest,
  VideoSchema,
} from '#gen/switchyard/v1/video_pb.ts'
import type { Egress } from './egress.ts'
import type { MediaReader } from './media.ts'
import type { MediaPublisher } from './media-link.ts'
import type { Secret } from './secret.ts'

/** What a provider yields: a plain literal, or an event from the builders. The gateway completes it. */
export type ChatEventInit = MessageInitShape<typeof ChatEventSchema>

/** What a provider yields of a raw completion, as it does of a chat. */
export type GenerateEventInit = MessageInitShape<typeof GenerateEventSchema>

/** What a provider yields of speech: `started`, the sound in pieces, and its usage where it knows that. */
export type SynthesizeEventInit = MessageInitShape<typeof SynthesizeEventSchema>

/** What a provider yields of an operation the contract has no message for: the whole answer as one chunk, or its pieces. */
export type InferEventInit = MessageInitShape<typeof InferEventSchema>

/** Vectors, in the order of the inputs. */
export type EmbedInit = MessageInitShape<typeof EmbedResponseSchema>

/** Images, as bytes or by URL. */
export type GenerateImagesInit = MessageInitShape<typeof GenerateImagesResponseSchema>

/** What was said in a recording. */
export type TranscribeInit = MessageInitShape<typeof TranscribeResponseSchema>

/** A video as far as it is made; its `id` is the provider's own. */
export type VideoInit = MessageInitShape<typeof VideoSchema>

/** Bytes of a video; the first of them say what they are. */
export type DownloadVideoInit = MessageInitShape<typeof DownloadVideoResponseSchema>

/** What a provider counts. */
export type CountTokensInit = MessageInitShape<typeof CountTokensResponseSchema>

/** What a provider lists. */
export type ModelInit = MessageInitShape<typeof ModelSchema>

/** Where a plugin writes what an operator should know. Fields first, as pino takes them. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** One key of a provider's pool. */
export interface Credential {
  /** Names the key in logs, such as the environment variable it came from. */
  readonly id: string
  readonly secret: Secret
}

/** What cannot cross a process boundary; everything that can is in the request. */
export interface CallContext {
  /** Aborted when the client leaves, a timer fires, or the gateway stops. */
  readonly signal: AbortSignal
  /** False: the caller wants the answer whole, and the upstream may be asked for it whole. */
  readonly streaming: boolean
  /** The gateway's id of the call, to be passed on for correlation. */
  readonly requestId: string
  readonly credential?: Credential | undefined
  /** Pooled, guarded HTTP: the only way out. */
  readonly egress: Egress
  readonly log: Logger
  /** Reads what URLs in a request lead to, where the upstream takes the bytes alone; see `inlineMedia`. */
  readonly media?: MediaReader | undefined
  /** Keeps large media, for upstreams that read them by URL. Absent where links to this gateway lead nowhere. */
  readonly publisher?: MediaPublisher | undefined
  /** The W3C trace context that the provider's work is part of, as headers to be passed on. */
  readonly trace?: { readonly traceparent?: string; readonly tracestate?: string } | undefined
  /** To be told how many bytes of the answer were read, each time that some were. */
  readonly received?: ((bytes: number) => void) | undefined
  /**
   * To be told what a part of the answer consumed, where the answer is put together of several and the part is there before the whole: it
   * counts when the rest does not come.
   */
  readonly consumed?: ((part: Usage) => void) | undefined
}

/**
 * A provider answers calls. A missing method is an unsupported operation; nobody writes stubs.
 * Errors are thrown as `GatewayError` (see `fail`); anything else thrown counts as a fault of the provider.
 */
export interface Provider {
  /** Events of one answer, singly or as batches that arrived together, in the order `ChatEvent` documents. */
  chat?(request: ChatRequest, context: CallContext): AsyncIterable<ChatEventInit | readonly ChatEventInit[]>
  /** What the request would read. Without it the gateway estimates. */
  countTokens?(request: ChatRequest, context: CallContext): Promise<CountTokensInit>
  /** Events of one raw completion, in the order of a chat's. */
  generate?(
    request: GenerateRequest,
    context: CallContext,
  ): AsyncIterable<GenerateEventInit | readonly GenerateEventInit[]>
  embed?(request: EmbedRequest, context: CallContext): Promise<EmbedInit>
  generateImages?(request: GenerateImagesRequest, context: CallContext): Promise<GenerateImagesInit>
  transcribe?(request: TranscribeRequest, context: CallContext): Promise<TranscribeInit>
  /** Speech, as it is made; `started` comes first. */
  synthesize?(
    request: SynthesizeRequest,
    context: CallContext,
  ): AsyncIterable<SynthesizeEventInit | readonly SynthesizeEventInit[]>
  /** Begins a video. The gateway asks on with `getVideo`, by the id given here. */
  createVideo?(request: CreateVideoRequest, context: CallContext): Promise<VideoInit>
  getVideo?(request: GetVideoRequest, context: CallContext): Promise<VideoInit>
  /** Ends a video that is still being made. What it was by then may be given. */
  cancelVideo?(request: CancelVideoRequest, context: CallContext): Promise<VideoInit>
  /** The bytes of a video that is completed. Without it they are where its first file leads. */
  downloadVideo?(request: DownloadVideoRequest, context: CallContext): AsyncIterable<DownloadVideoInit>
  infer?(request: InferRequest, context: CallContext): AsyncIterable<InferEventInit | readonly InferEventInit[]>
  listModels?(context: CallContext): AsyncIterable<ModelInit>
  close?(): Promise<void>
}

/** What the gateway gives a plugin when it makes a provider. */
export interface Host {
  /** The provider's name in this gateway. */
  readonly name: string
  readonly egress: Egress
  readonly log: Logger
  /**
   * The value of an environment variable that the provider's settings name, for a secret beside its key. Throws when it is not set
   * or may not be read. Absent where there is no environment to read.
   */
  readonly secret?: (variable: string) => Secret
}

/** What a plugin is: read at start, before any provider of it is made. */
export interface Manifest<Settings> {
  /** The word in `providers[].type`. */
  readonly type: string
  readonly contract: 'switchyard.v1'
  /** For people. */
  readonly title: string
  /** Model names this vendor is known by: exact, or a prefix ending in `*`. The longest match over all plugins wins. */
  readonly models: readonly string[]
  /** Schema of the `settings` of a provider, defaults included. */
  readonly settings: ZodType<Settings>
  /** Environment variable that holds the key; when it is set, a provider of this type starts without configuration. */
  readonly keyVariable?: string
  /** Environment variable that overrides the base URL, and how its value becomes one. */
  readonly baseUrlVariable?: {
    readonly name: string
    readonly toBaseUrl?: (value: string) => string
    readonly enables?: boolean
  }
  /** The vendor's own base URL, without a trailing slash. */
  readonly baseUrl?: string
  /** True: a provider of this type starts without any configuration. */
  readonly builtIn?: boolean
  /** The model a provider of this type answers with when a client names the provider alone. */
  readonly defaultModel?: string
  /** What the catalog of models and prices calls this vendor; `type` unless said otherwise. */
  readonly catalog?: string
  /**
   * What only the configuration may set, and nobody who registers providers over the API: `base_url`, and settings that name files or
   * packages, hold secrets, or lead the gateway's own credentials somewhere.
   */
  readonly operatorOnly?: readonly string[]
  /** Settings that decide which host is shown the key; a change of them over the API needs the key again. */
  readonly placedBy?: readonly string[]
}

/** What every provider has beside the settings of its own plugin. */
export interface ProviderSettings<Settings> {
  /** From the configuration, the environment or the manifest; without a trailing slash; empty when none of them has one. */
  readonly baseUrl: string
  readonly own: Settings
}

/** What makes a provider from settings. */
export interface Plugin<Settings> {
  readonly manifest: Manifest<Settings>
  create(settings: ProviderSettings<Settings>, host: Host): Provider | Promise<Provider>
}

/** Types a plugin: `export default definePlugin({ manifest, create })`. */
export function definePlugin<Settings>(plugin: Plugin<Settings>): Plugin<Settings> {
  return plugin
}
