import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import { Fold } from '../../../src/model/collect.ts'

/** What an answer of a vendor without an official SDK here says: the ground on which a reader and a decoder are compared. */
export interface Spoken {
  readonly id: string
  readonly model: string
  readonly text: string
  readonly reasoning: string
  /** Signatures of reasoning, then data of reasoning that was withheld, in order. */
  readonly signatures: readonly string[]
  readonly redacted: readonly string[]
  /** The id is empty where the vendor gave none. */
  readonly calls: readonly { readonly id: string; readonly name: string; readonly input: unknown }[]
  /** The quoted stretches, as start and end. */
  readonly citations: readonly (readonly [number, number])[]
  /** The vendor's own word for how it ended. */
  readonly finish: string
  readonly usage?: {
    readonly input: number
    readonly output: number
    readonly cacheRead: number
    readonly cacheWrite: number
  }
}

/** What the events of one answer say, in the same words. `minted` tells ids of calls that the decoder had to make up. */
export function spokenBy(events: readonly ChatEvent[], minted: (id: string) => boolean = () => false): Spoken {
  const fold = new Fold()
  fold.add(events)
  const { id, model, choices, usage } = fold.response()
  const [choice] = choices
  const kinds = (choice?.message?.parts ?? []).map(({ kind }) => kind)
  const reasoning = kinds.flatMap((kind) => (kind.case === 'reasoning' ? [kind.value] : []))
  const texts = kinds.flatMap((kind) => (kind.case === 'text' ? [kind.value] : []))
  return {
    id,
    model,
    text: texts.map(({ text }) => text).join(''),
    reasoning: reasoning.map(({ text }) => text).join(''),
    signatures: reasoning.flatMap(({ redacted, signature }) => (redacted || !signature ? [] : [signature.value])),
    redacted: reasoning.flatMap(({ redacted, signature }) => (redacted && signature ? [signature.value] : [])),
    calls: kinds.flatMap((kind) => {
      if (kind.case !== 'toolCall') return []
      const { id: callId, name, argumentsJson } = kind.value
      return [{ id: minted(callId) ? '' : callId, name, input: JSON.parse(argumentsJson) as unknown }]
    }),
    citations: texts.flatMap(({ annotations }) => annotations.map((note) => [note.startIndex, note.endIndex] as const)),
    finish: choice?.upstreamReason ?? '',
    ...(usage !== undefined && {
      usage: {
        input: usage.inputTokens,
        output: usage.outputTokens,
        cacheRead: usage.cacheReadTokens,
        cacheWrite: usage.cacheWrite5mTokens + usage.cacheWrite1hTokens,
      },
    }),
  }
}
