import { create } from '@bufbuild/protobuf'
import { type ChatEvent, type Finished, FinishReason, type Started } from '#gen/switchyard/v1/chat_pb.ts'
import {
  type GeneratedText,
  GeneratedTextSchema,
  type GenerateEvent,
  GenerateEventSchema,
  type GenerateResponse,
  GenerateResponseSchema,
} from '#gen/switchyard/v1/text_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'

/** A raw completion in the making. Never changes the events it is given. */
export class GenerateFold {
  readonly #texts = new Map<number, string[]>()
  readonly #finished = new Map<number, Finished>()
  #started: Partial<Started> = {}
  #usage: Usage | undefined
  #rawResponse = ''

  /** Takes in events that arrived together. Of `started`, `usage` and `rawResponse` the last one given holds. */
  add(batch: readonly GenerateEvent[]): void {
    for (const { event, choice, rawResponse } of batch) {
      if (rawResponse !== '') this.#rawResponse = rawResponse
      if (event.case === 'started') this.#started = event.value
      else if (event.case === 'usage') this.#usage = event.value
      else if (event.case === 'finished') this.#finished.set(choice, event.value)
      else if (event.case === 'textDelta') this.#textOf(choice).push(event.value.text)
    }
  }

  /** The answer as far as it is known. */
  response(): GenerateResponse {
    const indices = [...new Set([...this.#texts.keys(), ...this.#finished.keys()])].toSorted(
      (one, other) => one - other,
    )
    return create(GenerateResponseSchema, {
      id: this.#started.id ?? '',
      model: this.#started.model ?? '',
      created: this.#started.created ?? 0n,
      choices: indices.map((index) => this.#choice(index)),
      ...(this.#usage !== undefined && { usage: this.#usage }),
      dropped: this.#started.dropped ?? [],
      raw: this.#rawResponse,
      rawDialect: this.#started.rawDialect ?? '',
      upstreamRequestId: this.#started.upstreamRequestId ?? '',
    })
  }

  #textOf(choice: number): string[] {
    const known = this.#texts.get(choice)
    if (known !== undefined) return known
    const texts: string[] = []
    this.#texts.set(choice, texts)
    return texts
  }

  #choice(index: number): GeneratedText {
    const end = this.#finished.get(index)
    return create(GeneratedTextSchema, {
      index,
      text: this.#texts.get(index)?.join('') ?? '',
      finishReason: end?.reason ?? FinishReason.UNSPECIFIED,
      upstreamReason: end?.upstreamReason ?? '',
    })
  }
}

/** The events that spell an answer: the other way round than `GenerateFold`. */
export function spellGenerated(response: GenerateResponse): GenerateEvent[] {
  const { id, model, created, rawDialect, dropped, upstreamRequestId, usage, raw } = response
  const head = { id, model, created, rawDialect, dropped, upstreamRequestId }
  return [
    create(GenerateEventSchema, { event: { case: 'started', value: head }, rawResponse: raw }),
    ...response.choices.flatMap(spellChoice),
    ...(usage === undefined ? [] : [create(GenerateEventSchema, { event: { case: 'usage', value: usage } })]),
  ]
}

function spellChoice({ index: choice, text, finishReason, upstreamReason }: GeneratedText): GenerateEvent[] {
  return [
    create(GenerateEventSchema, { event: { case: 'textDelta', value: { text } }, choice }),
    create(GenerateEventSchema, {
      event: { case: 'finished', value: { reason: finishReason, upstreamReason } },
      choice,
    }),
  ]
}

/** An event of a raw completion, complete. */
export function completionEvent(event: GenerateEvent['event'], choice = 0, raw = '', rawResponse = ''): GenerateEvent {
  return { $typeName: 'switchyard.v1.GenerateEvent', event, choice, raw, rawResponse }
}

/** What events of a chat say as those of a raw completion, choices counted from `offset`. What is no text is left out, but not what it was made from. */
export function completionEvents(events: readonly ChatEvent[], offset = 0): GenerateEvent[] {
  return events.flatMap(({ event, choice, raw, rawResponse }) => {
    const said = textual(event)
    if (said.case === undefined && raw === '' && rawResponse === '') return []
    return [completionEvent(said, choice + offset, raw, rawResponse)]
  })
}

function textual(event: ChatEvent['event']): GenerateEvent['event'] {
  switch (event.case) {
    case 'started':
    case 'textDelta':
    case 'finished':
    case 'usage':
      return event
    case 'refusalDelta':
      return { case: 'textDelta', value: { $typeName: 'switchyard.v1.TextDelta', text: event.value.text } }
    default:
      return { case: undefined }
  }
}
