import { create, equals, type MessageInitShape, toJson } from '@bufbuild/protobuf'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ChatEvent,
  type ChatResponse,
  ChatResponseSchema,
  FinishReason,
  type PartSchema,
  Role,
} from '#gen/switchyard/v1/chat_pb.ts'
import { Fold, spell } from './collect.ts'
import * as events from './events.ts'
import { usage } from './usage.ts'

type PartInit = MessageInitShape<typeof PartSchema>

function fold(...batches: readonly (readonly ChatEvent[])[]): ChatResponse {
  const folded = new Fold()
  for (const batch of batches) folded.add(batch)
  return folded.response()
}

function sayTheSame(one: ChatResponse, other: ChatResponse): void {
  if (equals(ChatResponseSchema, one, other)) return
  expect(toJson(ChatResponseSchema, one)).toEqual(toJson(ChatResponseSchema, other))
  expect.fail('the answers differ')
}

const note = (startIndex: number, endIndex: number) => ({
  $typeName: 'switchyard.v1.Annotation' as const,
  type: 'url_citation',
  url: 'https://example.com',
  title: '',
  startIndex,
  endIndex,
})

const signature = { $typeName: 'switchyard.v1.Signature' as const, vendor: 'acme', value: 'c2ln' }

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
const bytes = fc.uint8Array({ minLength: 1, maxLength: 8 })
const json = fc.dictionary(fc.string({ unit: 'grapheme-ascii' }), fc.oneof(fc.string(), fc.boolean()), { maxKeys: 2 })
const signatures = fc.record({ vendor: word, value: word })
const perhapsSigned = fc.record({ signature: signatures }, { requiredKeys: [] })
const annotations = fc.record({
  type: word,
  url: word,
  startIndex: fc.nat(99),
  endIndex: fc.nat(99),
  raw: json,
})
const tokens = fc.array(fc.record({ token: word, logprob: fc.double({ noNaN: true }), utf8: bytes }), { maxLength: 3 })
const logprobs = fc.record({ content: tokens, refusal: tokens })
const reasons = fc.constantFrom(FinishReason.STOP, FinishReason.LENGTH, FinishReason.TOOL_CALLS, FinishReason.OTHER)
const spent = fc.record({ inputTokens: fc.nat(), outputTokens: fc.nat(), estimated: fc.boolean(), raw: json })

const anyPart: fc.Arbitrary<PartInit['kind']> = fc.oneof(
  fc
    .tuple(fc.record({ text: word, annotations: fc.array(annotations, { maxLength: 2 }) }), perhapsSigned)
    .map(([text, signed]) => ({ case: 'text' as const, value: { ...text, ...signed } })),
  fc.record({ vendor: word, type: word, json: word }).map((value) => ({ case: 'providerPart' as const, value })),
  fc.tuple(word, fc.boolean(), perhapsSigned).map(([text, redacted, signed]) => ({
    case: 'reasoning' as const,
    value: { text, redacted, ...signed },
  })),
  fc
    .tuple(fc.record({ id: word, name: word, argumentsJson: word, custom: fc.boolean() }), perhapsSigned)
    .map(([call, signed]) => ({ case: 'toolCall' as const, value: { ...call, ...signed } })),
  word.map((text) => ({ case: 'refusal' as const, value: { text } })),
  fc.tuple(bytes, word, word, word).map(([data, transcript, id, mediaType]) => ({
    case: 'audio' as const,
    value: { source: { case: 'data' as const, value: data }, transcript, id, mediaType, expires: 7n },
  })),
  fc.record({ mediaType: word, data: bytes }).map(({ mediaType, data }) => ({
    case: 'image' as const,
    value: { mediaType, source: { case: 'data' as const, value: data } },
  })),
)

/** Keeps of random parts what deltas can tell apart: pieces of one kind that follow each other are one part. */
function distinct(kinds: readonly PartInit['kind'][]): PartInit['kind'][] {
  const kept: PartInit['kind'][] = []
  for (const kind of kinds) {
    const last = kept.at(-1)
    const joined = kind?.case === last?.case && !['toolCall', 'image', 'providerPart'].includes(kind?.case ?? '')
    if (joined || (kind?.case === 'audio' && kept.some((known) => known?.case === 'audio'))) continue
    kept.push(kind)
  }
  return kept
}

const responses = fc
  .record({
    id: word,
    model: word,
    created: fc.bigInt({ min: 0n, max: 2n ** 40n }),
    dropped: fc.array(word, { maxLength: 2 }),
    raw: fc.string(),
    rawDialect: fc.string(),
    upstreamRequestId: fc.string(),
    serviceTier: fc.string(),
    systemFingerprint: fc.string(),
    usage: fc.option(spent, { nil: undefined }),
    choices: fc.array(
      fc.record({
        kinds: fc.array(anyPart, { maxLength: 6 }),
        finishReason: reasons,
        upstreamReason: fc.string(),
        stopSequence: fc.string(),
        logprobs: fc.option(logprobs, { nil: undefined }),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ choices, ...rest }) =>
    create(ChatResponseSchema, {
      ...rest,
      choices: choices.map(({ kinds, ...choice }, index) => ({
        ...choice,
        index,
        message: { role: Role.ASSISTANT, parts: distinct(kinds).map((kind) => ({ kind }) as PartInit) },
      })),
    }),
  )

const pieces = fc.string({ maxLength: 3 })
const oneOf = fc.nat(2)
const chatEvents: fc.Arbitrary<ChatEvent> = fc.oneof(
  fc.tuple(pieces, oneOf).map(([text, choice]) => events.textDelta(text, choice)),
  fc
    .tuple(pieces, fc.boolean(), fc.boolean(), oneOf)
    .map(([text, redacted, signed, choice]) =>
      events.reasoningDelta({ text, redacted, ...(signed && { signature }) }, choice),
    ),
  fc.tuple(pieces, oneOf).map(([text, choice]) => events.refusalDelta(text, choice)),
  fc
    .tuple(oneOf, pieces, pieces, pieces, oneOf)
    .map(([index, id, name, argumentsJson, choice]) =>
      events.toolCallDelta({ index, id, name, argumentsJson }, choice),
    ),
  fc
    .tuple(fc.uint8Array({ maxLength: 3 }), pieces, pieces, oneOf)
    .map(([data, id, transcript, choice]) => events.audioDelta({ data, id, transcript }, choice)),
  fc.tuple(fc.nat(9), fc.nat(9), oneOf).map(([from, to, choice]) => events.annotation(note(from, to), choice)),
  fc.tuple(reasons, oneOf).map(([reason, choice]) => events.finished({ reason }, choice)),
  spent.map((value) => events.usageEvent(usage(value))),
  word.map((id) => events.started({ id })),
  word.map((raw) => events.rawOnly(raw)),
)

describe('laws', () => {
  test('what is spelled and folded again says the same', () => {
    fc.assert(
      fc.property(responses, (response) => sayTheSame(fold(spell(response)), response)),
      { numRuns: 300 },
    )
  })

  test('whatever stream was folded, spelling and folding it again changes nothing', () => {
    fc.assert(
      fc.property(fc.array(chatEvents, { maxLength: 30 }), (stream) => {
        const folded = fold(stream)
        sayTheSame(fold(spell(folded)), folded)
      }),
      { numRuns: 300 },
    )
  })

  test('how events are batched makes no difference', () => {
    fc.assert(
      fc.property(fc.array(fc.array(chatEvents, { maxLength: 5 }), { maxLength: 6 }), (batches) =>
        sayTheSame(fold(...batches), fold(batches.flat())),
      ),
      { numRuns: 100 },
    )
  })

  test('events come in the documented order, the raw answer on the last of them', () => {
    const order = ['started', 'delta', 'finished', 'usage']
    fc.assert(
      fc.property(responses, (response) => {
        const spelled = spell(response)
        const ranks = spelled.map(({ event }) =>
          order.indexOf(order.includes(event.case ?? '') ? `${event.case}` : 'delta'),
        )
        expect(ranks).toEqual(ranks.toSorted((one, other) => one - other))
        expect(spelled.map(({ rawResponse }) => rawResponse)).toEqual([...spelled.slice(1).map(() => ''), response.raw])
      }),
      { numRuns: 100 },
    )
  })
})

const answer = (...kinds: readonly PartInit['kind'][]) =>
  create(ChatResponseSchema, {
    choices: [{ message: { role: Role.ASSISTANT, parts: kinds.map((kind) => ({ kind }) as PartInit) } }],
  })

describe('spelling', () => {
  test('joins texts that follow each other, and leaves the places in all of the text as they are', () => {
    const joined = fold(
      spell(
        answer(
          { case: 'text', value: { text: 'first ', annotations: [{ startIndex: 0, endIndex: 5 }] } },
          { case: 'text', value: { text: 'second', annotations: [{ startIndex: 6, endIndex: 12 }, { url: 'u' }] } },
        ),
      ),
    )
    expect(joined.choices[0]?.message?.parts.map((part) => part.kind)).toMatchObject([
      {
        value: {
          text: 'first second',
          annotations: [
            { startIndex: 0, endIndex: 5 },
            { startIndex: 6, endIndex: 12 },
            { startIndex: 0, endIndex: 0 },
          ],
        },
      },
    ])
  })

  test('refuses a part that no event can carry', () => {
    expect(() => spell(answer({ case: 'file', value: { name: 'report.pdf' } }))).toThrow(/"file"/)
    expect(() =>
      spell(answer({ case: 'audio', value: { source: { case: 'url', value: 'https://example.com/a.wav' } } })),
    ).toThrow(/URL/)
  })
})
