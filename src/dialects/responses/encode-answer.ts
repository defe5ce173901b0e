import { type ChatEvent, type ChatResponse, FinishReason, type Started } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { GatewayError } from '../../error/index.ts'
import type { ChatAnswer, Served } from '../contract.ts'
import { typeOfData, writeData } from '../sse.ts'
import { errorObject } from '../openai/errors.ts'
import {
  type AnswerHead,
  type AnswerState,
  endOf,
  headOf,
  imageItem,
  ownItem,
  responseObject,
  wholeObject,
} from './answer-object.ts'
import type { CreateResponse } from './types.ts'
import { type OutputEvent, OutputWriter } from './write-output.ts'

/** Writes one answer as the Responses API does. An upstream of the same dialect is handed through event by event as it wrote them. */
export class AnswerEncoder implements ChatAnswer {
  readonly #asked: CreateResponse
  #head: AnswerHead | undefined
  #raw = false
  /** An answer handed through has had its last event. */
  #ended = false
  #sequence = 0
  #writer: OutputWriter | undefined
  #refused = false
  #reason: FinishReason = FinishReason.STOP
  #usage: Usage | undefined

  constructor(asked: CreateResponse) {
    this.#asked = asked
  }

  whole(response: ChatResponse, served: Served): string {
    if (response.rawDialect === 'responses' && response.raw !== '') return response.raw
    return JSON.stringify(wholeObject(response, served, this.#asked))
  }

  events(batch: readonly ChatEvent[], served: Served): string {
    let text = ''
    for (const event of batch) if (event.choice === 0) text += this.#event(event, served)
    return text
  }

  end(): string {
    if (this.#ended) return ''
    const end = endOf(this.#reason, this.#refused)
    const closed = this.#writer?.end(end.status) ?? ''
    const type = end.status === 'incomplete' ? 'response.incomplete' : 'response.completed'
    return closed + this.#state(type, { ...end, output: this.#output, usage: this.#usage })
  }

  fail(error: GatewayError): string {
    const said = errorObject(error) as { message: string; type: string; code: string | null; param: string | null }
    const code = said.code ?? said.type
    // The document has these fields beside the type, the vendor sends them below `error`; clients know one or the other.
    const told = this.#frame({ type: 'error', code, message: said.message, param: said.param, error: said })
    const state = { output: this.#output, usage: this.#usage, error: { code, message: said.message } }
    return told + this.#state('response.failed', { status: 'failed', ...state })
  }

  #event(event: ChatEvent, served: Served): string {
    if (event.event.case === 'started') {
      const begun = this.#begin(event.event.value, served)
      if (!this.#raw) return begun
    }
    if (this.#raw) return event.raw === '' ? '' : this.#handThrough(event.raw)
    const out = this.#writer
    if (out === undefined) return ''
    switch (event.event.case) {
      case 'textDelta': {
        const { text, signature } = event.event.value
        const said = text === '' ? '' : out.say('text', text)
        return signature === undefined ? said : said + out.seal({ signature, of: 'text' })
      }
      case 'refusalDelta':
        this.#refused = true
        return out.say('refusal', event.event.value.text)
      case 'reasoningDelta':
        return out.think(event.event.value)
      case 'toolCallDelta':
        return out.call(event.event.value)
      case 'annotation':
        return out.annotate(event.event.value)
      case 'logprobs':
        return out.weigh(event.event.value)
      case 'audioDelta':
        return event.event.value.transcript === '' ? '' : out.say('text', event.event.value.transcript)
      case 'image':
        return out.single(imageItem(out.id('ig'), event.event.value))
      case 'providerPart': {
        const own = ownItem(event.event.value)
        return own === undefined ? '' : out.single(own)
      }
      case 'finished':
        this.#reason = event.event.value.reason
        return ''
      case 'usage':
        this.#usage = event.event.value
        return ''
      case 'started':
      case undefined:
        return ''
      default:
        return event.event satisfies never
    }
  }

  #begin(value: Started, served: Served): string {
    this.#head = headOf(value, served)
    this.#raw = value.rawDialect === 'responses'
    if (this.#raw) return ''
    this.#writer = new OutputWriter(this.#head.id, (made) => this.#frame(made))
    const state: AnswerState = { status: 'in_progress', output: [] }
    return this.#state('response.created', state) + this.#state('response.in_progress', state)
  }

  get #output(): readonly object[] {
    return this.#writer?.output ?? []
  }

  #state(type: string, state: AnswerState): string {
    const head = this.#head ?? { id: 'resp_', created: 0, model: this.#asked.model, serviceTier: '' }
    return this.#frame({ type, response: responseObject(head, this.#asked, state) })
  }

  #frame({ type, ...fields }: OutputEvent): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.#sequence++, ...fields })}\n\n`
  }

  #handThrough(raw: string): string {
    this.#sequence++
    const type = typeOfData(raw)
    this.#ended ||= lastTypes.has(type)
    return `event: ${type}\n${writeData(raw)}`
  }
}

/** The types of the events that end an answer. */
const lastTypes: ReadonlySet<string> = new Set(['response.completed', 'response.incomplete', 'response.failed'])
