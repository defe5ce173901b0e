import { asList, asMap, asText, type JsonMap } from '../../wire/case.ts'

/** A call that a scripted model makes. */
export interface ScriptedCall {
  readonly id: string
  readonly name: string
  readonly input: { readonly city: string }
}

/** What a scripted model says in one turn: text, or calls. */
export interface Said {
  readonly text: string
  readonly calls: readonly ScriptedCall[]
}

/** One result of a tool, by what the vendor's format names the call with. */
export interface Result {
  readonly key: string
  readonly output: string
}

/** One vendor's wire format, written from its reference without a line of the gateway's. */
export interface UpstreamScript {
  /** The plugin that speaks to it. */
  readonly type: string
  /** Paths of chats, whole and streamed. */
  readonly path: RegExp
  /** The model asked for. */
  model(path: string, body: JsonMap): string
  streams(path: string, body: JsonMap): boolean
  /** The results of tools in the request. */
  results(body: JsonMap): Result[]
  /** By what results name a call. */
  key(call: ScriptedCall): string
  whole(said: Said): object
  stream(said: Said): Buffer
  readonly streamType: string
  /** How a limit of the rate is told, but for its status and `retry-after`. */
  readonly limit: object
}

/** What every scripted answer costs: input, then output. */
export const spent = [11, 7] as const

/** The calls that the models `loop` (the first) and `parallel` (both) make. Ids have nine characters, as Mistral wants them. */
export const scriptedCalls: readonly ScriptedCall[] = [
  { id: 'call00001', name: 'weather', input: { city: 'Rome' } },
  { id: 'call00002', name: 'forecast', input: { city: 'Oslo' } },
]

/** An event whose name is its type. */
interface TypedEvent {
  readonly type: string
  readonly [member: string]: unknown
}

/** The model where the body names it. */
export const bodyModel = (_path: string, body: JsonMap): string => asText(body['model'])
/** Whether the body asks for a stream. */
export const bodyStreams = (_path: string, body: JsonMap): boolean => body['stream'] === true
/** The objects of a list. */
export const maps = (value: unknown): JsonMap[] => asList(value).map((entry) => asMap(entry) ?? {})
/** The member of this name of all that have one. */
export const membersOf = (entries: readonly JsonMap[], name: string): JsonMap[] =>
  entries.filter((entry) => asMap(entry[name]) !== undefined).map((entry) => asMap(entry[name]) ?? {})
/** Results that name a call by its id. */
export const byId = ({ id }: ScriptedCall): string => id
/** An event stream without names. */
export const dataOnly = (values: readonly object[]): string =>
  values.map((value) => `data: ${JSON.stringify(value)}\n\n`).join('')
/** An event stream with names. */
export const named = (values: readonly TypedEvent[]): string =>
  values.map((value) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`).join('')
/** A text as two deltas. */
export const halves = (text: string): string[] => [text.slice(0, 4), text.slice(4)].filter((piece) => piece !== '')

/** A part for each piece of text that is not empty. */
export const textParts = (pieces: readonly string[]): object[] =>
  pieces.flatMap((text) => (text === '' ? [] : { text }))

/** Results as messages of their own. */
export const toolMessages = ({ messages }: JsonMap): Result[] =>
  maps(messages)
    .filter(({ role }) => role === 'tool')
    .map((message) => ({ key: asText(message['tool_call_id']), output: JSON.stringify(message['content']) }))
