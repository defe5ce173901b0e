import type { WireLogprob } from '../logprobs.ts'

/** A call of a tool: always whole, its arguments an object. */
export interface WireToolCall {
  readonly id?: string
  readonly function?: { readonly name?: string; readonly arguments?: unknown }
}

/** A whole answer, or one line of a stream: the counts are on the last one, where `done` is true. */
export interface WireAnswer {
  readonly model?: string
  /** RFC 3339. */
  readonly created_at?: string
  readonly message?: {
    readonly content?: string | null
    readonly thinking?: string | null
    readonly tool_calls?: readonly WireToolCall[] | null
  } | null
  readonly logprobs?: readonly WireLogprob[] | null
  readonly done?: boolean
  readonly done_reason?: string
  readonly prompt_eval_count?: number
  readonly eval_count?: number
  readonly error?: unknown
}
