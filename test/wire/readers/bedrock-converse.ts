import { asList, asMap, asText, type CaseResponse, bodyBytes, type JsonMap } from '../case.ts'
import type { Spoken } from './spoken.ts'

/*
 * Written from Amazon's reference of Converse, ConverseStream and of the frames of its event streams, without a line of the
 * gateway's: what a recorded answer says.
 */

/** What a recorded answer of Converse or ConverseStream says. */
export function readConverse(response: CaseResponse): Spoken {
  return response.eventstream === undefined ? readWhole(asMap(response.body) ?? {}) : readStream(bodyBytes(response))
}

function readWhole(body: JsonMap): Spoken {
  const blocks = asList(asMap(asMap(body['output'])?.['message'])?.['content']).map((block) => asMap(block) ?? {})
  return spoken(blocks, asText(body['stopReason']), asMap(body['usage']))
}

/** Puts the blocks of a stream together as the whole answer would have had them. */
function readStream(bytes: Buffer): Spoken {
  const texts = new Map<number, string>()
  const inputs = new Map<number, string>()
  const blocks = new Map<number, Record<string, never> & JsonMap>()
  const thoughts = new Map<number, { text: string; signature: string }>()
  let finish = ''
  let usage: JsonMap | undefined
  for (const { type, payload } of framesOf(bytes)) {
    const at = Number(payload['contentBlockIndex'] ?? 0)
    const delta = asMap(payload['delta']) ?? {}
    const called = asMap(asMap(payload['start'])?.['toolUse'])
    const thought = asMap(delta['reasoningContent'])
    if (called !== undefined) blocks.set(at, { toolUse: called } as never)
    if (typeof delta['text'] === 'string') texts.set(at, (texts.get(at) ?? '') + delta['text'])
    const input = asMap(delta['toolUse'])?.['input']
    if (typeof input === 'string') inputs.set(at, (inputs.get(at) ?? '') + input)
    if (thought?.['redactedContent'] !== undefined) blocks.set(at, { reasoningContent: thought } as never)
    else if (thought !== undefined) {
      const before = thoughts.get(at) ?? { text: '', signature: '' }
      const signature = asText(thought['signature']) || before.signature
      thoughts.set(at, { text: before.text + asText(thought['text']), signature })
    }
    if (type === 'messageStop') finish = asText(payload['stopReason'])
    if (type === 'metadata') usage = asMap(payload['usage'])
  }
  for (const [at, text] of texts) blocks.set(at, { text } as never)
  for (const [at, reasoningText] of thoughts) blocks.set(at, { reasoningContent: { reasoningText } } as never)
  for (const [at, input] of inputs) {
    const toolUse = { ...asMap(blocks.get(at)?.['toolUse']), input: (input === '' ? {} : JSON.parse(input)) as never }
    blocks.set(at, { toolUse } as never)
  }
  const ordered = [...blocks].toSorted(([one], [other]) => one - other).map(([, block]) => block)
  return spoken(ordered, finish, usage)
}

function spoken(blocks: readonly JsonMap[], finish: string, usage: JsonMap | undefined): Spoken {
  const thoughts = blocks.map((block) => asMap(block['reasoningContent']) ?? {})
  const open = thoughts.flatMap((thought): JsonMap[] => {
    const text = asMap(thought['reasoningText'])
    return text === undefined ? [] : [text]
  })
  const count = (key: string): number => Number(usage?.[key] ?? 0)
  const cacheRead = count('cacheReadInputTokens')
  const cacheWrite = count('cacheWriteInputTokens')
  return {
    id: '',
    model: '',
    text: blocks.map((block) => asText(block['text']) + citedText(block)).join(''),
    reasoning: open.map((thought) => asText(thought['text'])).join(''),
    signatures: open.map((thought) => asText(thought['signature'])).filter((value) => value !== ''),
    redacted: thoughts.map((thought) => asText(thought['redactedContent'])).filter((value) => value !== ''),
    calls: blocks.flatMap((block) => {
      const call = asMap(block['toolUse'])
      // The service's own tools are no business of the client's.
      return call === undefined || call['type'] === 'server_tool_use'
        ? []
        : [{ id: asText(call['toolUseId']), name: asText(call['name']), input: call['input'] ?? {} }]
    }),
    citations: [],
    finish,
    // The total is the proof that the cache is counted beside the input.
    ...(usage !== undefined && {
      usage: {
        input: count('totalTokens') - count('outputTokens'),
        output: count('outputTokens'),
        cacheRead,
        cacheWrite,
      },
    }),
  }
}

/** What a block says that names its sources. */
function citedText(block: JsonMap): string {
  const pieces = asList(asMap(block['citationsContent'])?.['content'])
  return pieces.map((piece) => asText(asMap(piece)?.['text'])).join('')
}

/** The frames: two lengths and a checksum, headers, a payload, a checksum. Checksums are left to the gateway. */
function framesOf(bytes: Buffer): { type: string; payload: JsonMap }[] {
  const frames = []
  for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at)) {
    const end = at + bytes.readUInt32BE(at) - 4
    const body = at + 12 + bytes.readUInt32BE(at + 4)
    const type = headerOf(bytes.subarray(at + 12, body), ':event-type')
    frames.push({ type, payload: asMap(JSON.parse(bytes.toString('utf8', body, end))) ?? {} })
  }
  return frames
}

/** A header is a name with its length before it, the type 7 for text, and the value with its length before it. */
function headerOf(headers: Buffer, wanted: string): string {
  for (let at = 0; at < headers.length;) {
    const nameEnd = at + 1 + headers.readUInt8(at)
    const name = headers.toString('utf8', at + 1, nameEnd)
    const valueEnd = nameEnd + 3 + headers.readUInt16BE(nameEnd + 1)
    if (headers.readUInt8(nameEnd) !== 7) throw new Error(`the header ${name} is no text`)
    if (name === wanted) return headers.toString('utf8', nameEnd + 3, valueEnd)
    at = valueEnd
  }
  return ''
}
