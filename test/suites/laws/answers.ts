import * as fc from 'fast-check'
import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import {
  annotation,
  finished,
  FinishReason,
  reasoningDelta,
  refusalDelta,
  started,
  textDelta,
  toolCallDelta,
  usage,
  usageEvent,
} from '#provider'
import { keyword, object, words } from './words.ts'

/** What the answers of a dialect can be like. */
export interface Abilities {
  /** Several answers at once. */
  readonly choices: boolean
  /** Thoughts, words and calls in any order and number, and not one of each kind, calls last. */
  readonly anyOrder: boolean
  readonly refusals: boolean
  /** Calls of tools that take free text. */
  readonly freeText: boolean
  /** Reasoning that is signed. */
  readonly signed: boolean
  /** Reasoning that is withheld but for its signature. */
  readonly withheld: boolean
  /** Tokens that went into the prompt cache, told apart from those that came out of it. */
  readonly cacheWrites: boolean
  /** Pages that texts are from, each on its own text. */
  readonly citations: boolean
}

/** Something that a choice says, as the deltas it is made of, when it has made so many calls and said so much text before. */
type Piece = (choice: number, calls: number, written: number) => readonly ChatEvent[]

/** A text cut in pieces, anywhere. */
function cut(text: string, at: readonly number[]): string[] {
  const places = [...new Set(at.map((place) => place % (text.length + 1)))].toSorted((one, other) => one - other)
  return [...places, text.length]
    .map((place, index) => text.slice(places[index - 1] ?? 0, place))
    .filter((piece) => piece !== '')
}

const places = fc.array(fc.nat(50), { maxLength: 3 })

const text = fc.tuple(words, places).map(
  ([said, at]): Piece =>
    (choice) =>
      cut(said, at).map((one) => textDelta(one, choice)),
)
/** A text, and the page that it is from. */
const cited = fc.tuple(words, words, places).map(([said, title, at]): Piece => (choice, _calls, written) => {
  const place = { url: 'https://example.com/', title, startIndex: written, endIndex: written + said.length }
  return [
    ...cut(said, at).map((one) => textDelta(one, choice)),
    annotation({ $typeName: 'switchyard.v1.Annotation', type: 'url_citation', ...place }, choice),
  ]
})
const refusal = fc.tuple(words, places).map(
  ([said, at]): Piece =>
    (choice) =>
      cut(said, at).map((one) => refusalDelta(one, choice)),
)

/** Thoughts: in the open, and where a dialect can tell it also signed, or withheld but for their signature. */
function reasoning(vendor: string, { signed, withheld }: Abilities): fc.Arbitrary<Piece> {
  const signature = { $typeName: 'switchyard.v1.Signature' as const, vendor, value: 'c2VhbGVk' }
  const plain = fc.tuple(words, places).map(
    ([said, at]): Piece =>
      (choice) =>
        cut(said, at).map((one) => reasoningDelta({ text: one }, choice)),
  )
  if (!signed) return plain
  const sealed = plain.map((piece): Piece => (...at) => [...piece(...at), reasoningDelta({ signature }, at[0])])
  const hidden = fc.constant<Piece>((choice) => [reasoningDelta({ signature, redacted: true }, choice)])
  return withheld ? fc.oneof(plain, sealed, hidden) : fc.oneof(plain, sealed)
}

const functionCall = fc.tuple(keyword, object, places).map(([name, input, at]): Piece => (choice, index) => {
  const head = toolCallDelta({ index, id: `call_${choice}_${index}`, name }, choice)
  return [
    head,
    ...cut(JSON.stringify(input), at).map((argumentsJson) => toolCallDelta({ index, argumentsJson }, choice)),
  ]
})
const freeCall = fc.tuple(keyword, words, places).map(([name, input, at]): Piece => (choice, index) => {
  const head = toolCallDelta({ index, id: `call_${choice}_${index}`, name, custom: true }, choice)
  return [head, ...cut(input, at).map((argumentsJson) => toolCallDelta({ index, argumentsJson, custom: true }, choice))]
})

/** What one choice says: `kinds` keeps two pieces of one kind apart, which nothing on the wire would. */
function choiceOf(vendor: string, abilities: Abilities): fc.Arbitrary<(choice: number) => ChatEvent[]> {
  const thought = reasoning(vendor, abilities)
  const called = abilities.freeText
    ? fc.oneof({ weight: 3, arbitrary: functionCall }, { weight: 1, arbitrary: freeCall })
    : functionCall
  const spoken = abilities.citations ? fc.oneof({ weight: 3, arbitrary: text }, { weight: 1, arbitrary: cited }) : text
  const said = abilities.refusals
    ? fc.oneof({ weight: 3, arbitrary: spoken }, { weight: 1, arbitrary: refusal })
    : spoken
  const maybe = (piece: fc.Arbitrary<Piece>): fc.Arbitrary<Piece[]> => fc.array(piece, { maxLength: 1 })
  const inOrder = fc
    .tuple(maybe(thought), maybe(said), fc.array(called, { maxLength: 2 }))
    .map((pieces) => pieces.flat())
  const turn = fc
    .tuple(
      maybe(thought),
      said.map((one) => [one]),
      fc.array(called, { minLength: 1, maxLength: 2 }),
    )
    .map((pieces) => pieces.flat())
  const pieces = abilities.anyOrder
    ? fc.oneof(
        inOrder,
        fc.tuple(turn, inOrder).map((turns) => turns.flat()),
      )
    : inOrder
  return fc.tuple(pieces, fc.boolean()).map(([list, isCut]) => (choice) => {
    let call = 0
    let written = 0
    const events = list.flatMap((piece) => {
      const deltas = piece(choice, call, written)
      if (deltas[0]?.event.case === 'toolCallDelta') call++
      for (const { event } of deltas) if (event.case === 'textDelta') written += event.value.text.length
      return deltas
    })
    const refuses = events.some(({ event }) => event.case === 'refusalDelta')
    const stop = call > 0 ? FinishReason.TOOL_CALLS : refuses ? FinishReason.REFUSAL : FinishReason.STOP
    return [...events, finished({ reason: isCut ? FinishReason.LENGTH : stop }, choice)]
  })
}

const counts = (cacheWrites: boolean): fc.Arbitrary<Usage> =>
  fc
    .record({
      fresh: fc.nat(9999),
      read: fc.nat(99),
      written: cacheWrites ? fc.nat(99) : fc.constant(0),
      said: fc.nat(999),
      thought: fc.nat(99),
    })
    .map(({ fresh, read, written, said, thought }) =>
      usage({
        inputTokens: fresh + read + written,
        outputTokens: said + thought,
        cacheReadTokens: read,
        cacheWrite5mTokens: written,
        reasoningTokens: thought,
      }),
    )

/** The events of any answer that a dialect can tell whole. */
export function answers(vendor: string, abilities: Abilities): fc.Arbitrary<readonly ChatEvent[]> {
  const choices = fc.array(choiceOf(vendor, abilities), { minLength: 1, maxLength: abilities.choices ? 2 : 1 })
  return fc
    .tuple(choices, counts(abilities.cacheWrites), fc.infiniteStream(fc.boolean()))
    .map(([made, spent, turns]) => {
      const queues = made.map((choice, index) => choice(index))
      return [
        started({ id: 'answer-1', model: 'some-model', created: 1_700_000_000n }),
        ...interleaved(queues, turns),
        usageEvent(spent),
      ]
    })
}

/** One list of several, in which those of each keep their order; an end comes when all is said. */
function interleaved(queues: readonly (readonly ChatEvent[])[], turns: Iterator<boolean>): ChatEvent[] {
  const [first = [], second = []] = queues
  const deltas: ChatEvent[] = []
  let [one, other] = [0, 0]
  while (one < first.length - 1 || other < second.length - 1) {
    const takesFirst = other >= second.length - 1 || (one < first.length - 1 && turns.next().value === true)
    const next = takesFirst ? first[one++] : second[other++]
    if (next !== undefined) deltas.push(next)
  }
  return [...deltas, ...[first.at(-1), second.at(-1)].filter((event) => event !== undefined)]
}
