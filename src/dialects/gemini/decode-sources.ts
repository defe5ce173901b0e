import { Buffer } from 'node:buffer'
import type { ChatEvent, Logprobs, TokenLogprob } from '#gen/switchyard/v1/chat_pb.ts'
import { annotation } from '../../model/events.ts'
import { isObject, listOf, numberOf, objectsOf, textOf } from '../scalars.ts'
import type { WireCandidate, WireCitation, WireGrounding, WireLogprob } from './types.ts'

/** Where a candidate's text comes from, told in full with each chunk or once at the end: the last word holds. */
export class Sources {
  #text = ''
  #grounding: WireGrounding | undefined
  readonly #citations = new Map<string, WireCitation>()

  /** Notes visible text, in which places are counted. */
  said(text: string): void {
    this.#text += text
  }

  /** Takes in what a search found. */
  ground(wire: WireGrounding): void {
    if (listOf(wire.groundingChunks).length > 0) this.#grounding = wire
  }

  /** Takes in citations; one that is repeated counts once. */
  cite(citations: readonly WireCitation[]): void {
    for (const one of citations) this.#citations.set(`${one.startIndex} ${one.endIndex} ${one.uri}`, one)
  }

  /** The notes on the text. Google counts bytes, the contract UTF-16 units. */
  annotations(choice: number): ChatEvent[] {
    const found = [...this.#citations.values(), ...groundedCitations(this.#grounding ?? {})]
    if (found.length === 0) return []
    const bytes = Buffer.from(this.#text)
    const place = (offset: unknown): number =>
      typeof offset === 'number' && offset > 0 ? bytes.subarray(0, Math.trunc(offset)).toString().length : 0
    return found.map(({ uri, title, startIndex, endIndex }) =>
      annotation(
        {
          $typeName: 'switchyard.v1.Annotation',
          type: 'url_citation',
          url: textOf(uri),
          title: textOf(title),
          startIndex: place(startIndex),
          endIndex: place(endIndex),
        },
        choice,
      ),
    )
  }
}

/** One citation for each text that rests on a source; one without a place for a source that no text names. */
function groundedCitations({ groundingChunks, groundingSupports }: WireGrounding): WireCitation[] {
  const chunks = listOf(groundingChunks).map((chunk) => (isObject(chunk?.web) ? chunk.web : undefined))
  const named = new Set<number>()
  const placed = objectsOf(groundingSupports).flatMap(({ segment, groundingChunkIndices }) =>
    listOf(groundingChunkIndices).flatMap((index) => {
      const web = chunks[index]
      if (web === undefined) return []
      named.add(index)
      return [{ ...web, startIndex: segment?.startIndex ?? 0, endIndex: segment?.endIndex ?? 0 }]
    }),
  )
  const others = chunks.flatMap((web, index) => (web === undefined || named.has(index) ? [] : [web]))
  return [...placed, ...others]
}

/** Citations under either of the names that Google's two APIs have for them. */
export function citationsOf(wire: WireCandidate['citationMetadata']): readonly WireCitation[] {
  return objectsOf(wire?.citationSources ?? wire?.citations)
}

/** Log probabilities, where there are any. */
export function logprobsOf(wire: WireCandidate['logprobsResult']): Logprobs | undefined {
  const chosen = objectsOf(wire?.chosenCandidates)
  if (chosen.length === 0) return undefined
  const tops = listOf(wire?.topCandidates)
  const content = chosen.map((token, index) => ({
    ...tokenOf(token),
    top: objectsOf(tops[index]?.candidates).map(tokenOf),
  }))
  return { $typeName: 'switchyard.v1.Logprobs', content, refusal: [] }
}

function tokenOf(wire: WireLogprob): TokenLogprob {
  const token = textOf(wire.token)
  return {
    $typeName: 'switchyard.v1.TokenLogprob',
    token,
    logprob: numberOf(wire.logProbability),
    utf8: new Uint8Array(Buffer.from(token)),
    top: [],
  }
}
