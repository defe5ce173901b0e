import { asList, asMap, asText, type JsonMap } from '../case.ts'
import type { FinishClass } from '../finish.ts'
import { endByContent, type Said } from './said.ts'

/* Written from Google's reference, without a line of the gateway's: what an answer of Gemini's says. */

/**
 * What the chunks of an answer say, of which a whole answer has one. Throws when they are no answer, and when a stream ends
 * without saying why, which is how one that was cut ends.
 */
export function readGemini(chunks: readonly unknown[], streamed: boolean): Said {
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
  const answered = chunks.some((chunk) => asList(asMap(chunk)?.['candidates']).length > 0)
  if (word === '' && (streamed || !answered)) throw new Error('the answer has no end')
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
  return word === 'STOP' || word === '' ? endByContent(calls) : 'other'
}

/** A call comes whole, or with its arguments in pieces, of which every one says where it belongs. */
function addCall(calls: { id: string; name: string; input: Record<string, unknown> }[], call: JsonMap): void {
  if (call['name'] !== undefined) {
    calls.push({ id: asText(call['id']), name: asText(call['name']), input: { ...asMap(call['args']) } })
  }
  const open = calls.at(-1)
  for (const piece of asList(call['partialArgs']).map((value) => asMap(value) ?? {})) {
    const steps = [...asText(piece['jsonPath']).matchAll(/\.([^.[]+)|\[(\d+)\]|\['([^']*)'\]/g)]
    const path = steps.map(([, name, index, quoted]) => (index === undefined ? (name ?? quoted ?? '') : Number(index)))
    if (open !== undefined) put(open.input, path, piece)
  }
}

/** Puts a piece in its place; pieces of a text follow one another. */
function put(node: Record<string | number, unknown>, [step, next, ...rest]: (string | number)[], piece: JsonMap): void {
  if (step === undefined) return
  if (next !== undefined) {
    node[step] ??= typeof next === 'number' ? [] : {}
    put(node[step] as Record<string | number, unknown>, [next, ...rest], piece)
  } else if (piece['stringValue'] !== undefined) {
    node[step] = asText(node[step]) + asText(piece['stringValue'])
  } else if ('numberValue' in piece || 'boolValue' in piece) {
    node[step] = piece['numberValue'] ?? piece['boolValue']
  } else if ('nullValue' in piece) node[step] = null
}
