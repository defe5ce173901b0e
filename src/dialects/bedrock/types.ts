import type { JsonObject } from '@bufbuild/protobuf'

/** Token counts. `inputTokens` is without what was read from and written to the cache. */
export interface WireUsage {
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly totalTokens?: number
  readonly cacheReadInputTokens?: number
  readonly cacheWriteInputTokens?: number
  /** What was written to the cache, by how long it lives. */
  readonly cacheDetails?: readonly { readonly inputTokens?: number; readonly ttl?: string }[] | null
}

/** A source quoted by the answer. */
export interface WireCitation {
  readonly title?: string
  readonly source?: string
  readonly location?: { readonly web?: { readonly url?: string } } & JsonObject
}

/** Reasoning: text and the signature that ends it, or data that only the model can read. */
interface WireReasoning {
  readonly reasoningText?: { readonly text?: string; readonly signature?: string }
  /** Base64. */
  readonly redactedContent?: string
}

/** A call of a tool; with the type `server_tool_use` the model's own provider runs it. */
export interface WireToolUse {
  readonly toolUseId?: string
  readonly name?: string
  readonly input?: unknown
  readonly type?: string
}

interface WireImage {
  readonly format?: string
  readonly source?: { readonly bytes?: string }
}

/** One block of a whole answer: exactly one of its members is there. */
export interface WireBlock {
  readonly text?: string
  readonly reasoningContent?: WireReasoning
  readonly toolUse?: WireToolUse
  readonly toolResult?: JsonObject
  readonly image?: WireImage
  readonly citationsContent?: {
    readonly content?: readonly { readonly text?: string }[]
    readonly citations?: readonly WireCitation[]
  }
}

/** A whole answer of Converse. */
export interface WireAnswer {
  readonly output?: { readonly message?: { readonly content?: readonly WireBlock[] | null } }
  readonly stopReason?: string
  readonly usage?: WireUsage
  readonly additionalModelResponseFields?: unknown
  readonly serviceTier?: { readonly type?: string }
  readonly message?: string
}

/** How a block of a stream begins; text and reasoning begin without a word. */
export interface WireStart {
  readonly toolUse?: WireToolUse
  readonly toolResult?: JsonObject
  readonly image?: { readonly format?: string }
}

/** A further piece of a block of a stream. */
export interface WireDelta {
  readonly text?: string
  readonly reasoningContent?: { readonly text?: string; readonly signature?: string; readonly redactedContent?: string }
  readonly toolUse?: { readonly input?: string }
  readonly toolResult?: readonly JsonObject[]
  readonly image?: WireImage
  readonly citation?: WireCitation
}

/** The payload of any frame of ConverseStream; its `:event-type` says which members to expect. */
export interface WireEvent {
  readonly contentBlockIndex?: number
  readonly start?: WireStart
  readonly delta?: WireDelta
  readonly stopReason?: string
  readonly additionalModelResponseFields?: unknown
  readonly usage?: WireUsage
  readonly serviceTier?: { readonly type?: string }
  /** Of an exception. */
  readonly message?: string
  readonly Message?: string
}
