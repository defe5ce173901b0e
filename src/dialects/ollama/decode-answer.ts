import { randomUUID } from 'node:crypto'
import type { ChatEvent, TokenLogprob } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { fail, type GatewayError } from '../../error/index.ts'
import {
  finished,
  logprobs,
  reasoningDelta,
  started,
  textDelta,
  toolCallDelta,
  usageEvent,
} from '../../model/events.ts'
import type { ChatDecoder, Ending, SseMessage } from '../contract.ts'
import { listOf, numberOf, objectsOf, textOf } from '../scalars.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { parseObject, readingError } from '../wire-object.ts'
import type { WireAnswer, WireLogprob, WireToolCall } from './types.ts'
import { usageOf } from './usage.ts'
import { finishReasonOf } from './words.ts'

/** What a decoder needs to know of the call. */
export interface AnswerFacts {
  readonly dropped: readonly string[]
  readonly upstreamRequestId: string
}

/** Reads one answer of the native chat: one object, or the lines of a stream, which are such objects too. */
export class AnswerDecoder implements ChatDecoder {
  readonly #facts: AnswerFacts
  #begun = false
  #calls = 0
  #doneWord: string | undefined
  #usage: Usage | undefined
  #failure: GatewayError | undefined
  #done = false

  constructor(facts: AnswerFacts) {
    this.#facts = facts
  }

  get complete(): boolean {
    return this.#done
  }

  whole(text: string): ChatEvent[] {
    try {
      return this.#whole(text)
    } catch (error) {
      throw readingError(error)
    }
  }

  event({ data }: SseMessage): ChatEvent[] {
    const events: ChatEvent[] = []
    try {
      this.#read(parseObject(data, 'provider_interrupted'), events)
    } catch (error) {
      this.#failure ??= readingError(error)
      this.#done = true
    }
    return events
  }

  end(): Ending {
    const counted = this.#usage === undefined ? [] : [usageEvent(this.#usage)]
    const failure = this.#failure ?? this.#incomplete()
    if (failure !== undefined) return { events: counted, failure }
    this.#done = true
    const word = this.#doneWord ?? ''
    return { events: [finished({ reason: finishReasonOf(word, this.#calls > 0), upstreamReason: word }), ...counted] }
  }

  #whole(text: string): ChatEvent[] {
    const events: ChatEvent[] = []
    this.#read(parseObject(text, 'provider_error'), events)
    const { events: ending, failure } = this.end()
    if (failure !== undefined) throw failure
    return [...events, ...ending]
  }

  #incomplete(): GatewayError | undefined {
    if (this.#doneWord !== undefined) return undefined
    return fail('provider_interrupted', "the provider's stream ended before the answer was complete")
  }

  #read(wire: WireAnswer, events: ChatEvent[]): void {
    if (wire.error !== undefined && wire.error !== null) throw upstreamError(problemOf(wire))
    if (typeof wire.message !== 'object' && wire.done === undefined)
      throw fail('provider_error', "the provider's answer is not one of a chat")
    if (!this.#begun) events.push(this.#start(wire))
    const { thinking, content, tool_calls: calls } = wire.message ?? {}
    if (typeof thinking === 'string' && thinking !== '') events.push(reasoningDelta({ text: thinking }))
    if (typeof content === 'string' && content !== '') events.push(textDelta(content))
    for (const call of objectsOf(calls)) events.push(this.#call(call))
    const tokens = objectsOf(wire.logprobs).map(ratedToken)
    if (tokens.length > 0) {
      events.push(logprobs({ $typeName: 'switchyard.v1.Logprobs', content: tokens, refusal: [] }))
    }
    if (wire.done !== true) return
    this.#doneWord = textOf(wire.done_reason)
    this.#usage = usageOf(wire)
    this.#done = true
  }

  #start({ model, created_at: created }: WireAnswer): ChatEvent {
    this.#begun = true
    const { dropped, upstreamRequestId } = this.#facts
    const seconds = Math.trunc(Date.parse(textOf(created)) / 1000) || 0
    return started({
      model: textOf(model),
      created: BigInt(Math.max(0, seconds)),
      dropped: [...dropped],
      upstreamRequestId,
    })
  }

  /** Calls come whole, and before version 0.12 without an id. */
  #call({ id, function: called }: WireToolCall): ChatEvent {
    const given = called?.arguments ?? {}
    return toolCallDelta({
      index: this.#calls++,
      id: textOf(id) || `call_${randomUUID().replaceAll('-', '')}`,
      name: textOf(called?.name),
      argumentsJson: typeof given === 'string' ? given : JSON.stringify(given),
    })
  }
}

function ratedToken(wire: WireLogprob): TokenLogprob {
  return { ...tokenOf(wire), top: objectsOf(wire.top_logprobs).map(tokenOf) }
}

function tokenOf({ token, logprob, bytes }: WireLogprob): TokenLogprob {
  const utf8 = new Uint8Array(listOf(bytes))
  return {
    $typeName: 'switchyard.v1.TokenLogprob',
    token: textOf(token),
    logprob: numberOf(logprob),
    utf8,
    top: [],
  }
}
