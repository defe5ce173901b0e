import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf'
import * as fc from 'fast-check'
import {
  CacheControlSchema,
  type ChatRequest,
  ChatRequestSchema,
  PartSchema,
  Role,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { Part } from '#provider'
import { keyword, object, words } from './words.ts'

type RequestInit = MessageInitShape<typeof ChatRequestSchema>
type MessageInit = NonNullable<RequestInit['messages']>[number]
type ToolInit = NonNullable<RequestInit['tools']>[number]

const part = (kind: NonNullable<MessageInitShape<typeof PartSchema>['kind']>): Part => create(PartSchema, { kind })
const said = (text: string): Part => part({ case: 'text', value: { text } })

const text = words.map(said)
const bytes = fc.uint8Array({ minLength: 1, maxLength: 6 })
const image = fc.oneof(
  fc
    .tuple(bytes, fc.constantFrom('', 'auto', 'low'))
    .map(([value, detail]) =>
      part({ case: 'image', value: { source: { case: 'data', value }, mediaType: 'image/png', detail } }),
    ),
  fc
    .constantFrom('https://example.com/a.png', 'https://storage.googleapis.com/b.png')
    .map((value) => part({ case: 'image', value: { source: { case: 'url', value } } })),
)
const audio = bytes.map((value) =>
  part({ case: 'audio', value: { source: { case: 'data', value }, mediaType: 'audio/wav' } }),
)
const file = fc.oneof(
  bytes.map((value) =>
    part({ case: 'file', value: { source: { case: 'data', value }, mediaType: 'application/pdf', name: 'a.pdf' } }),
  ),
  keyword.map((id) => part({ case: 'file', value: { source: { case: 'id', value: `file-${id}` } } })),
)
const cached = fc
  .tuple(words, fc.constantFrom(0, 300, 3600))
  .map(([value, ttlSeconds]) => ({ ...said(value), cacheControl: create(CacheControlSchema, { ttlSeconds }) }))

/** What is said to the model: a few words first, so that no format is left with nothing. */
const told = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: text },
      { weight: 2, arbitrary: image },
      { weight: 1, arbitrary: fc.oneof(audio, file, cached) },
    ),
    { maxLength: 2 },
  )
  .map((parts) => [said('So?'), ...parts])

interface Turn {
  readonly parts: readonly Part[]
  readonly calls: readonly string[]
}

/** One turn of the model: thoughts before words and words before calls, an order that every format has. */
function spoken(vendor: string, turn: number): fc.Arbitrary<Turn> {
  const signature = { vendor, value: 'c2VhbGVk' }
  const thought = words.map((value) => part({ case: 'reasoning', value: { text: value, signature } }))
  const refusal = words.map((value) => part({ case: 'refusal', value: { text: value } }))
  const sometimes = fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: thought })
  const words_ = fc.oneof({ weight: 4, arbitrary: text }, { weight: 1, arbitrary: refusal })
  const calls = fc.array(fc.tuple(keyword, object), { maxLength: 2 })
  return fc.tuple(sometimes, words_, calls).map(([before, words__, made]) => {
    const called = made.map(([name, input], at) => {
      const id = `call_${turn}_${at}`
      return part({ case: 'toolCall', value: { id, name, argumentsJson: JSON.stringify(input) } })
    })
    const parts = [...(before === undefined ? [] : [before]), words__, ...called]
    return { parts, calls: made.map((_call, at) => `call_${turn}_${at}`) }
  })
}

/** Turns of both sides, with each of the model's calls answered. */
function conversation(vendor: string): fc.Arbitrary<MessageInit[]> {
  const exchange = (turn: number) => fc.tuple(told, spoken(vendor, turn), words, fc.nat(7))
  const exchanges = fc.oneof(
    fc.constant([]),
    exchange(0).map((one) => [one]),
    fc.tuple(exchange(0), exchange(1)),
  )
  const instructions = fc.oneof(
    fc.constant([]),
    text.map((one) => [{ role: Role.SYSTEM, parts: [one] }]),
  )
  return fc.tuple(instructions, exchanges, told).map(([system, turns, last]): MessageInit[] => [
    ...system,
    ...turns.flatMap(([asked, { parts, calls }, result, odd]): MessageInit[] => [
      { role: Role.USER, parts: asked },
      { role: Role.ASSISTANT, parts: [...parts] },
      ...calls.map((toolCallId) => ({
        role: Role.TOOL,
        parts: [part({ case: 'toolResult', value: { toolCallId, parts: [said(result)], isError: odd === 0 } })],
      })),
    ]),
    { role: Role.USER, parts: last },
  ])
}

const schema: JsonObject = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const functionTool = fc
  .tuple(keyword, words, fc.constantFrom({}, {}, { strict: false }, { strict: true }))
  .map(([name, description, strict]): ToolInit => ({
    kind: { case: 'function', value: { name, description, parameters: schema, ...strict } },
  }))
const otherTool = fc.oneof(
  fc
    .tuple(keyword, words)
    .map(([name, description]): ToolInit => ({ kind: { case: 'custom', value: { name, description } } })),
  fc.constant<ToolInit>({ kind: { case: 'provider', value: { dialect: 'another', definition: { type: 'search' } } } }),
)
const nameOf = ({ kind }: ToolInit): string => (kind?.case === 'function' ? (kind.value.name ?? '') : '')
const functions = fc
  .tuple(
    fc.uniqueArray(functionTool, { minLength: 1, maxLength: 2, selector: nameOf }),
    fc.constantFrom(undefined, Mode.AUTO, Mode.NONE, Mode.REQUIRED, Mode.NAMED, Mode.ALLOWED),
  )
  .map(([tools, mode]) => {
    const names = mode === Mode.NAMED || mode === Mode.ALLOWED ? tools.slice(0, 1).map(nameOf) : []
    return { tools, ...(mode !== undefined && { toolChoice: { mode, names } }) }
  })
const tools = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: functions },
  { weight: 1, arbitrary: otherTool.map((one) => ({ tools: [one] })) },
)

const quarters = (least: number, most: number): fc.Arbitrary<number> =>
  fc.integer({ min: least * 4, max: most * 4 }).map((value) => value / 4)

const formats = fc.constantFrom<NonNullable<RequestInit['responseFormat']>>(
  { kind: { case: 'text', value: {} } },
  { kind: { case: 'jsonObject', value: {} } },
  { kind: { case: 'jsonSchema', value: { name: 'place', schema } } },
  { kind: { case: 'jsonSchema', value: { name: 'place', description: 'Where.', schema, strict: true } } },
)

/** Everything else that a request may ask for. */
const option: fc.Arbitrary<RequestInit> = fc.oneof(
  fc.boolean().map((parallelToolCalls) => ({ parallelToolCalls })),
  formats.map((responseFormat) => ({ responseFormat })),
  quarters(0, 1).map((temperature) => ({ temperature })),
  quarters(0, 1).map((topP) => ({ topP })),
  fc.integer({ min: 1, max: 100 }).map((topK) => ({ topK })),
  fc.integer({ min: 2000, max: 100_000 }).map((maxOutputTokens) => ({ maxOutputTokens })),
  fc.array(words, { minLength: 1, maxLength: 3 }).map((stop) => ({ stop })),
  fc.integer().map((seed) => ({ seed: BigInt(seed) })),
  quarters(-2, 2).map((presencePenalty) => ({ presencePenalty })),
  quarters(-2, 2).map((frequencyPenalty) => ({ frequencyPenalty })),
  fc.integer({ min: 1, max: 3 }).map((n) => ({ n })),
  fc.constantFrom({ logprobs: true }, { logprobs: true, topLogprobs: 3 }),
  fc.integer({ min: -100, max: 100 }).map((bias) => ({ logitBias: { '7': bias } })),
  fc.constantFrom('none', 'minimal', 'low', 'medium', 'high').map((effort) => ({ reasoning: { effort } })),
  fc.integer({ min: 1024, max: 1900 }).map((budgetTokens) => ({ reasoning: { budgetTokens } })),
  fc.constant({ reasoning: { effort: 'low', summary: 'auto' } }),
  fc.constantFrom(['text'], ['text', 'image']).map((modalities) => ({ modalities: [...modalities] })),
  fc.constantFrom('low', 'high').map((verbosity) => ({ verbosity })),
  fc.constantFrom('auto', 'flex', 'priority', 'default').map((serviceTier) => ({ serviceTier })),
  words.map((user) => ({ user })),
  fc.tuple(keyword, words).map(([key, value]) => ({ metadata: { [key]: value } })),
  words.map((value) => ({ prediction: [said(value)] })),
  words.map((promptCacheKey) => ({ promptCacheKey })),
  fc.boolean().map((store) => ({ store })),
)

/** Any request of the contract, with few wishes at once, so that there are many which a format carries whole; reasoning is signed by `vendor`. */
export function requests(vendor: string): fc.Arbitrary<ChatRequest> {
  return fc
    .tuple(conversation(vendor), tools, fc.array(option, { maxLength: 2 }))
    .map(([messages, given, wishes]) =>
      create(ChatRequestSchema, Object.assign({ model: 'some-model', messages }, given, ...wishes) as RequestInit),
    )
}
