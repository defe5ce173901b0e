import type { JsonObject } from '@bufbuild/protobuf'

/** Token counts. `tokens` are what the model read and wrote, `billed_units` what is charged; images are counted beside `input_tokens`. */
export interface WireUsage {
  readonly tokens?: {
    readonly input_tokens?: number
    readonly output_tokens?: number
    readonly image_tokens?: number
  } | null
  readonly billed_units?: { readonly input_tokens?: number; readonly output_tokens?: number } | null
  readonly cached_tokens?: number
}

/** A place of the text and the sources it rests on. */
export interface WireCitation {
  readonly start?: number
  readonly end?: number
  /** `TEXT_CONTENT`, `THINKING_CONTENT` or `PLAN`: what the offsets count in. */
  readonly type?: string
  /** Which block of the content it is about. */
  readonly content_index?: number
  readonly sources?:
    | readonly { readonly document?: JsonObject | null; readonly tool_output?: JsonObject | null }[]
    | null
}

/** A call of a tool, or a further piece of its arguments. */
export interface WireToolCall {
  readonly id?: string
  readonly function?: { readonly name?: string; readonly arguments?: string } | null
}

/** A block of content, or a further piece of it. */
export interface WireContent {
  readonly type?: string
  readonly text?: string
  readonly thinking?: string
}

/** A whole answer of the chat of version 2. */
export interface WireAnswer {
  readonly id?: string
  readonly finish_reason?: string
  readonly error?: string
  readonly message?: {
    readonly content?: readonly WireContent[] | null
    readonly tool_plan?: string | null
    readonly tool_calls?: readonly WireToolCall[] | null
    readonly citations?: readonly WireCitation[] | null
  }
  readonly usage?: WireUsage | null
}

/** One event of a stream; its `type` says which members to expect. */
export interface WireEvent {
  readonly type?: string
  readonly id?: string
  readonly index?: number
  readonly message?: string
  /** No event of the vendor's own has it: what a proxy before it says of a stream that failed. */
  readonly error?: unknown
  readonly delta?: {
    readonly message?: {
      readonly content?: WireContent
      readonly tool_plan?: string
      readonly tool_calls?: WireToolCall
      readonly citations?: WireCitation | readonly WireCitation[]
    }
    readonly finish_reason?: string
    readonly error?: string
    readonly usage?: WireUsage | null
  }
}
