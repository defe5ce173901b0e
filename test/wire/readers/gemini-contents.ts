import { asList, asMap, asText, type JsonMap } from '../case.ts'
import type { FinishClass } from '../finish.ts'
import { endByContent, type Said } from './said.ts'

/* Written from Google's reference, without a line of the gateway's: what an answer of Gemini's says. */

/** What the chunks of an answer say, of which a whole answer has one. */
export function readGemini(chunks: readonly unknown[]): Said {
  const calls: { id: string; name: string; input: Record<string, unknown> }[] = []
  let text = ''
  let reasoning = ''
  let word = ''
  let usage: JsonMap | undefined
  for (const chunk of chunks.map((value) => asMap(value) ?? {})) {
    const candidate = asMap(asList(chunk['candidates'])[0])
    for (const part of asList(asMap(candidate?.['content'])?.['parts']).map((value) => asMap(value) ?? {})) {
      const call = asMap(part['functionCall'])
      if (call !== undefined) addCall(calls, call)
      else if (part['thought'] === true) reasoning += asText(part['text'])
      else text += asText(part['text'])
    }
    word = wordOf(candidate?.['finishReason']) || word
    if (asMap(chunk['promptFeedback'])?.['blockReason'] !== undefined) word ||= 'SAFETY'
    const counts = asMap(chunk['usageMetadata'])
    if (counts?.['promptTokenCount'] !== undefined || counts?.['totalTokenCount'] !== undefined) usage = counts
  }
  const count = (name: string): number => Number(usage?.[name] ?? 0)
  return {
    text,
    reasoning,
    calls,
    finish: finishOf(word, calls),
    ...(usage !== undefined && {
      usage: {
        input: count('promptTokenCount') + count('toolUsePromptTokenCount'),
        output: count('candidatesTokenCount') + count('thoughtsTokenCount'),
        cacheRead: count('cachedContentTokenCount'),
      },
    }),
  }
}

/** A word for the end, or the number it has in Google's definition of the messages. */
function wordOf(reason: unknown): string {
  const words = ['', 'STOP', 'MAX_TOKENS', 'SAFETY', 'RECITATION', 'OTHER']
  return typeof reason === 'number' ? (words[reason] ?? 'OTHER') : asText(reason)
}

const filters = 'SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII LANGUAGE IMAGE_SAFETY'.split(' ')

function finishOf(word: string, calls: readonly unknown[]): FinishClass {
  if (filters.includes(word)) return 'content_filter'
  if (word === 'MAX_TOKENS') return 'length'
  return word === 'STOP' ? endByContent(calls) : 'other'
}

/** A call comes whole, or with its arguments in pieces, of which every one says where it belongs. */
function addCall(calls: { id: string; name: string; input: Record<string, unknown> }[], call: JsonMap): void {
  const last = calls.at(-1)
  if (call['name'] !== undefined) {
    calls.push({ id: asText(call['id']), name: asText(call['name']), input: { ...asMap(call['args']) } })
  }
  for (const piece of asList(call['partialArgs']).map((value) => asMap(value) ?? {})) {
    const name = asText(piece['jsonPath']).slice(2)
    if (last !== undefined) last.input[name] = asText(last.input[name]) + asText(piece['stringValue'])
  }
}
