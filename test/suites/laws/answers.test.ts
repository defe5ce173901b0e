import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChatEvent, ChatResponse, Part } from '#gen/switchyard/v1/chat_pb.ts'
import type { Served } from '../../../src/dialects/contract.ts'
import { Fold } from '../../../src/model/collect.ts'
import { type Abilities, answers } from './answers.ts'
import { dialects, type Halves } from './dialects.ts'

/* The laws of both halves for answers: what the server half writes, the client half reads as it was, whole and in any pieces. */

const served: Served = { requestId: 'r', provider: 'p', model: 'm', alias: 'a', elapsed: () => 0 }

const all: Abilities = {
  choices: true,
  anyOrder: true,
  refusals: true,
  freeText: true,
  signed: true,
  withheld: true,
  cacheWrites: true,
  citations: true,
}
const abilities: Readonly<Record<string, Abilities>> = {
  openai: { ...all, anyOrder: false, signed: false, withheld: false },
  anthropic: { ...all, choices: false, refusals: false, freeText: false },
  gemini: { ...all, withheld: false, refusals: false, freeText: false, cacheWrites: false, citations: false },
  responses: { ...all, choices: false, withheld: false },
}

function folded(events: readonly ChatEvent[]): ChatResponse {
  const fold = new Fold()
  fold.add(events)
  return fold.response()
}

/** A list cut in pieces, of sizes that a source of numbers tells. */
function inPieces<List extends { readonly length: number; slice(from: number, to: number): List }>(
  whole: List,
  sizes: Iterator<number>,
): List[] {
  const pieces: List[] = []
  for (let at = 0; at < whole.length;) {
    const size = Number(sizes.next().value)
    pieces.push(whole.slice(at, at + size))
    at += size
  }
  return pieces
}

describe.each(dialects)('$name', (halves) => {
  const { name, vendor, writer, reader } = halves
  const can = abilities[name] ?? expect.fail(`what can ${name} tell?`)

  test('an answer that is written and read whole says the same', () => {
    fc.assert(
      fc.property(answers(vendor, can), (events) => {
        const response = folded(events)
        const again = folded(reader().whole(writer(false).whole(response, served)))
        expect(meaning(again)).toEqual(meaning(response))
      }),
      { numRuns: 250 },
    )
  })

  test('an answer that is written in batches and read in pieces, whatever their sizes, says the same', () => {
    const sizes = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 200 }))
    fc.assert(
      fc.property(
        answers(vendor, can),
        fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
        fc.infiniteStream(sizes),
        (events, batches, pieces) => {
          const again = readStream(halves, written(halves, events, batches), pieces)
          expect(meaning(again)).toEqual(meaning(folded(events)))
        },
      ),
      { numRuns: 250 },
    )
  })
})

function written(
  { writer }: Halves,
  events: readonly ChatEvent[],
  sizes: Iterator<number>,
): { text: string; type: string } {
  const answer = writer(true)
  const batches = inPieces<readonly ChatEvent[]>(events, sizes)
  const text = batches.map((batch) => answer.events(batch, served)).join('') + answer.end()
  return { text, type: answer.contentType ?? 'text/event-stream' }
}

function readStream(
  { reader, cutter }: Halves,
  { text, type }: { text: string; type: string },
  sizes: Iterator<number>,
) {
  const decoder = reader()
  const messages = cutter(type)
  const events: ChatEvent[] = []
  const read = (list: ReturnType<typeof messages.read>): void => {
    for (const message of list) if (!decoder.complete) events.push(...decoder.event(message))
  }
  for (const piece of inPieces<Uint8Array>(new TextEncoder().encode(text), sizes)) read(messages.read(piece))
  read(messages.end())
  const { events: rest, failure } = decoder.end()
  expect(failure).toBeUndefined()
  return folded([...events, ...rest])
}

/** What an answer says: not who answered, and not in the vendor's own words. */
function meaning({ choices, usage, model }: ChatResponse): unknown {
  const { raw: _raw, ...counts } = usage ?? { raw: undefined }
  return {
    model,
    counts,
    choices: choices.map(({ index, message, finishReason }) => ({
      index,
      parts: message?.parts.map(withoutWords),
      finishReason,
    })),
  }
}

/** A part without what its vendor wrote of the pages it is from. */
function withoutWords(part: Part): Part {
  if (part.kind.case !== 'text') return part
  const annotations = part.kind.value.annotations.map(({ raw: _raw, ...note }) => note)
  return { ...part, kind: { case: 'text', value: { ...part.kind.value, annotations } } }
}
