import { fromJsonString, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { type ChatRequest, ChatRequestSchema, FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { parseBody } from '../../../src/dialects/json.ts'
import { serverDialects } from '../../../src/dialects/servers.ts'
import { finished, started, textDelta } from '../../../src/model/events.ts'
import { sourceDecoders } from '../../../src/server/source.ts'
import { type Edge, startEdge } from '../../e2e/rpc-edge.ts'
import { asMap, parseOrText } from '../../wire/case.ts'
import { type ByteEdit, cutAlone, editBytes, someBytes } from '../byte-edits.ts'
import { Fault, requireCleanPrototypes } from '../fault.ts'
import { dictionaryOf, editJson, type JsonEdit, jsonEdit, position } from '../json-edits.ts'
import { requireRequest } from '../requests/oracle.ts'
import { bodiesOf } from '../requests/seeds.ts'
import { shorterList, simplerJson } from '../simpler.ts'
import type { Target } from '../target.ts'
import { type Question, readQuestion, writeQuestion } from './question.ts'

/** The contract's own edge, with everything between the socket and a provider: codecs, rules, and the source of a request. */
export function rpcTarget(): Target<Question> {
  const seeds = messages()
  const strays: unknown[] = []
  const edge = startEdge({ provider: { chat: answering(strays) }, dialects: sourceDecoders(serverDialects) })
  return {
    name: 'request-rpc',
    inputs: questions(seeds),
    recorded: seeds.map((body) => ({ method: 'Chat', codec: 'json', body: Buffer.from(body) })),
    async check(question) {
      await ask(await edge, question)
      const [stray] = strays.splice(0)
      if (stray !== undefined) throw stray
      requireCleanPrototypes()
    },
    simpler,
    write: writeQuestion,
    read: readQuestion,
    close: async () => (await edge)[Symbol.asyncDispose](),
  }
}

/** What clients of each dialect ask, as messages of the contract. */
function messages(): string[] {
  const facts = { requestId: 'r', header: () => undefined, query: new URLSearchParams(), params: { '*': 'scripted/m' } }
  const asked = serverDialects.flatMap(({ name, passThrough, chat: [route] }) =>
    bodiesOf(name).flatMap((body) => decoded(() => route?.decode(parseBody(body, passThrough), facts).request)),
  )
  return asked.map((request) =>
    JSON.stringify(toJson(ChatRequestSchema, { ...request, model: 'scripted/m', provider: '' })),
  )
}

function decoded(decode: () => ChatRequest | undefined): ChatRequest[] {
  try {
    const request = decode()
    return request === undefined ? [] : [request]
  } catch {
    return []
  }
}

/** A provider that checks what it is asked, and answers. */
function answering(strays: unknown[]) {
  return async function* chat(request: ChatRequest) {
    try {
      requireRequest(request, false)
    } catch (thrown) {
      strays.push(thrown)
    }
    yield await Promise.resolve([started({ id: 'a' }), textDelta('Yes'), finished({ reason: FinishReason.STOP })])
  }
}

interface Plan {
  readonly seed: number
  readonly method: string
  readonly codec: Question['codec']
  readonly edits: readonly JsonEdit[]
  readonly bytes: readonly ByteEdit[]
}

function questions(seeds: readonly string[]): fc.Arbitrary<Question> {
  const plan: fc.Arbitrary<Plan> = fc.record({
    seed: position,
    method: fc.constantFrom('Chat', 'Chat', 'CountTokens', 'ListModels', 'Nothing'),
    codec: fc.constantFrom('json', 'json', 'json', 'proto'),
    edits: fc.array(jsonEdit(dictionaryOf(seeds, 600)), { maxLength: 4 }),
    bytes: fc.oneof(
      { weight: 9, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: cutAlone },
      { weight: 2, arbitrary: someBytes },
    ),
  })
  return plan.map(({ seed, method, codec, edits, bytes }) => {
    const text = editJson(seeds[seed % seeds.length] ?? '{}', edits)
    return { method, codec, body: bytes.reduce(editBytes, codec === 'json' ? Buffer.from(text) : binaryOf(text)) }
  })
}

function binaryOf(text: string): Buffer {
  try {
    return Buffer.from(
      toBinary(ChatRequestSchema, fromJsonString(ChatRequestSchema, text, { ignoreUnknownFields: true })),
    )
  } catch {
    return Buffer.from(text)
  }
}

async function ask(edge: Edge, { method, codec, body }: Question): Promise<void> {
  const response = await fetch(`${edge.http1}/switchyard.v1.InferenceService/${method}`, {
    method: 'POST',
    headers: { 'content-type': `application/${codec}`, 'connect-protocol-version': '1' },
    body: new Uint8Array(body),
  })
  const answer = Buffer.from(await response.arrayBuffer())
  const [logged] = edge.errors.splice(0)
  if (logged !== undefined) throw new Fault('logged', 'a fault of the gateway', asMap(logged)?.['err'] ?? logged)
  edge.calls.splice(0)
  if (response.ok) {
    if (codec === 'json') parseOrThrow(answer.toString())
    return
  }
  requireError(response.status, parseOrThrow(answer.toString()))
}

/** A refusal says whose fault it is, why in a word of the contract, and where in words. */
function requireError(status: number, value: JsonValue): void {
  const { code, message, details } = asMap(value) ?? {}
  if (![400, 404, 413, 501].includes(status))
    throw new Fault('status', `${status} ${JSON.stringify(value).slice(0, 300)}`)
  if (typeof code !== 'string' || typeof message !== 'string' || message === '')
    throw new Fault('no reason', JSON.stringify(value).slice(0, 300))
  if (status === 400 && (!Array.isArray(details) || details.length === 0))
    throw new Fault('no reason', JSON.stringify(value).slice(0, 300))
}

function parseOrThrow(text: string): JsonValue {
  const value = parseOrText(text)
  if (typeof value === 'string') throw new Fault('answer is no JSON', text.slice(0, 200))
  return value as JsonValue
}

function* simpler(question: Question): Generator<Question, void, void> {
  for (const text of simplerJson(question.body.toString())) yield { ...question, body: Buffer.from(text) }
  if (question.body.length > 2000) return
  for (const bytes of shorterList([...question.body])) yield { ...question, body: Buffer.from(bytes) }
}
