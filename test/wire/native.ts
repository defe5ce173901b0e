import { bodyBytes, parseOrText, streamValues, type WireCase } from './case.ts'
import { type Fault, faultInside, faultOf } from './fault.ts'
import { classOf, type FinishClass } from './finish.ts'
import type { NativeFormat } from './format.ts'
import { readAnthropic } from './readers/anthropic-messages.ts'
import { readConverse } from './readers/bedrock-converse.ts'
import { readCohere } from './readers/cohere-chat.ts'
import { readGemini } from './readers/gemini-contents.ts'
import { readOllama } from './readers/ollama-native.ts'
import { readResponses } from './readers/openai-responses.ts'
import { endByContent, type Said } from './readers/said.ts'
import type { Spoken } from './readers/spoken.ts'

/** What a recording is: a complete answer; a refusal before anything was said; or an answer that broke off. */
export type NativeVerdict =
  | { readonly kind: 'answer'; readonly said: Said }
  | { readonly kind: 'refused' | 'broken'; readonly fault: Fault }

/** Reads a recording with the vendor's own SDK, or a reader written from its reference. */
export async function judgeNative(wireCase: WireCase, format: NativeFormat): Promise<NativeVerdict> {
  const { response } = wireCase
  if (response.status >= 400) return { kind: 'refused', fault: faultOf(response) }
  const inside = [...streamValues(response.sse ?? '').map(({ value }) => value), bareError(response.sse)].map(
    faultInside,
  )
  const fault = inside.find((found) => found !== undefined)
  if (fault !== undefined) return { kind: 'broken', fault: { ...fault, exact: false } }
  try {
    const said = await read(wireCase, format)
    return said.finish === 'error' ? { kind: 'broken', fault: cutOff } : { kind: 'answer', said }
  } catch {
    return { kind: 'broken', fault: cutOff }
  }
}

/** An error that was written into an event stream without being an event. */
function bareError(sse = ''): unknown {
  const [text] = /^\{\s*"error"[^]*/m.exec(sse) ?? []
  return text === undefined ? undefined : parseOrText(text)
}

const cutOff: Fault = { status: 502, message: '', exact: false }

async function read({ response }: WireCase, format: NativeFormat): Promise<Said> {
  const streamed = response.sse !== undefined
  switch (format) {
    case 'anthropic':
      return readAnthropic(bodyBytes(response).toString(), streamed)
    case 'responses':
      return readResponses(bodyBytes(response).toString(), streamed)
    case 'gemini':
      if (Array.isArray(response.body)) return readGemini(response.body, true)
      if (response.sse === undefined) return readGemini([response.body], false)
      return readGemini(
        streamValues(response.sse).map(({ value }) => value),
        true,
      )
    case 'bedrock':
      return saidBy(readConverse(response))
    case 'cohere':
      return saidBy(readCohere(response))
    case 'ollama':
      return saidBy(readOllama(response))
    default:
      return format satisfies never
  }
}

function saidBy({ text, reasoning, calls, finish, usage }: Spoken): Said {
  return { text, reasoning, calls, finish: finishOf(finish, calls), ...(usage && { usage }) }
}

function finishOf(word: string, calls: readonly unknown[]): FinishClass {
  if (word === 'guardrail_intervened') return 'content_filter'
  const known = classOf(word) ?? 'other'
  return known === 'stop' ? endByContent(calls) : known
}
