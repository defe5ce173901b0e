import type { ChatEvent, ChatRequest, ChatResponse, CountTokensResponse } from '#gen/switchyard/v1/chat_pb.ts'
import type { GatewayError } from '#provider'
import type { RequestFacts } from '../../../src/dialects/contract.ts'

/** A request as it arrives at an upstream. */
export interface Arrived {
  readonly path: string
  readonly facts: RequestFacts
  readonly text: string
}

/** What an upstream is asked, and how it writes what it answers. */
export interface Question {
  readonly request: ChatRequest
  readonly streaming: boolean
  /** Content type of a stream. */
  readonly contentType: string
  whole(response: ChatResponse): string
  events(batch: readonly ChatEvent[]): string | Uint8Array
  end(): string | Uint8Array
  /** How a stream ends that fails. */
  fail(error: GatewayError): string | Uint8Array
}

/** A format in which an upstream can be played. */
export interface Played {
  /** Reads a chat. Throws `invalid_request`. */
  chat(arrived: Arrived): Question
  /** Reads a question of how much a chat would read, where the format has one. */
  count?(arrived: Arrived): { readonly request: ChatRequest; readonly write: (count: CountTokensResponse) => string }
  errorBody(error: GatewayError): string
}
