import { type JsonObject, type JsonValue, fromJson } from '@bufbuild/protobuf'
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { ChatRequestSchema } from '#gen/switchyard/v1/chat_pb.ts'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'

/** How a chat is asked for: whole, as a stream, or only for how much it would read. */
export type Way = 'whole' | 'stream' | 'count'

/** What became of a request, as far as these tests look at it. */
export interface Outcome {
  readonly ok: boolean
  /** What the answer names as dropped. */
  readonly dropped: readonly string[]
  /** True for a count that nobody counted. */
  readonly estimated: boolean
  /** The words of an error, when it has the client's own shape and means that the caller is at fault. */
  readonly refusal: string
}

/** A client API. */
export interface Client {
  readonly ways: readonly Way[]
  /** The format in which a provider gets this client's own words. */
  readonly passesTo?: string
  /** Where in a body a member goes that the API does not know. */
  readonly unknown: (name: string) => JsonObject
  /** Asks with these members beside the question. */
  ask(url: string, way: Way, model: string, members: JsonObject, strict: boolean): Promise<Outcome>
}

const question = 'Hello there'

interface Rest {
  readonly passesTo?: string
  readonly path: (way: Way, model: string) => string
  readonly body: (way: Way, model: string, members: JsonObject) => JsonObject
  readonly counts?: boolean
  /** Below which member of the body a chat's own options are. */
  readonly below?: string
  readonly refusal: (body: JsonValue) => unknown
}

function rest({ path, body, counts = false, below, passesTo, refusal }: Rest): Client {
  return {
    ways: counts ? ['whole', 'stream', 'count'] : ['whole', 'stream'],
    ...(passesTo !== undefined && { passesTo }),
    unknown: (name) => (below === undefined ? { [name]: 1 } : { [below]: { [name]: 1 } }),
    async ask(url, way, model, members, strict) {
      const response = await fetch(url + path(way, model), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(strict && { 'x-switchyard-strict': 'true' }) },
        body: JSON.stringify(body(way, model, members)),
      })
      const text = await response.text()
      const isJson = response.headers.get('content-type') === 'application/json'
      const said = response.status === 400 && isJson ? refusal(JSON.parse(text) as JsonValue) : ''
      return {
        ok: response.ok,
        dropped: response.headers.get('x-switchyard-dropped')?.split(', ') ?? [],
        estimated: response.headers.get('x-switchyard-estimated') === 'true',
        refusal: typeof said === 'string' ? said : '',
      }
    },
  }
}

const streamed = (way: Way): JsonObject => (way === 'stream' ? { stream: true } : {})
const messages = [{ role: 'user', content: question }]

/** The member at the path, where all before it are objects. */
function at(value: JsonValue | undefined, ...path: readonly string[]): JsonValue | undefined {
  const [first, ...others] = path
  if (first === undefined) return value
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? at(value[first], ...others) : undefined
}

const openaiRefusal = (body: JsonValue): unknown =>
  at(body, 'error', 'type') === 'invalid_request_error' && at(body, 'error', 'code') === 'unsupported_field'
    ? at(body, 'error', 'message')
    : undefined

/** The client APIs, by the names of their dialects. */
export const clients: Readonly<Record<string, Client>> = {
  openai: rest({
    passesTo: 'openai',
    path: () => '/v1/chat/completions',
    body: (way, model, members) => ({ model, messages, ...members, ...streamed(way) }),
    refusal: openaiRefusal,
  }),
  responses: rest({
    passesTo: 'responses',
    path: () => '/v1/responses',
    body: (way, model, members) => ({ model, input: question, ...members, ...streamed(way) }),
    refusal: openaiRefusal,
  }),
  anthropic: rest({
    passesTo: 'anthropic',
    counts: true,
    path: (way) => `/v1/messages${way === 'count' ? '/count_tokens' : ''}`,
    body: (way, model, members) => ({
      model,
      messages,
      ...(way !== 'count' && { max_tokens: 2000 }),
      ...members,
      ...streamed(way),
    }),
    refusal: (body) =>
      at(body, 'type') === 'error' && at(body, 'error', 'type') === 'invalid_request_error'
        ? at(body, 'error', 'message')
        : undefined,
  }),
  gemini: rest({
    passesTo: 'gemini',
    counts: true,
    path: (way, model) => {
      const method = { whole: 'generateContent', stream: 'streamGenerateContent?alt=sse', count: 'countTokens' }[way]
      return `/v1beta/models/${model}:${method}`
    },
    body: (way, model, members) => {
      const request = { contents: [{ role: 'user', parts: [{ text: question }] }], ...members }
      return way === 'count' ? { generateContentRequest: { model: `models/${model}`, ...request } } : request
    },
    refusal: (body) =>
      at(body, 'error', 'status') === 'INVALID_ARGUMENT' && at(body, 'error', 'code') === 400
        ? at(body, 'error', 'message')
        : undefined,
  }),
  platform: rest({
    path: (way) => `/api/v1/inference/chat${way === 'stream' ? '/stream' : ''}`,
    body: (_way, model, members) => ({ model, messages, ...members }),
    refusal: (body) =>
      at(body, 'success') === false && at(body, 'error', 'code') === 'BAD_REQUEST'
        ? at(body, 'error', 'message')
        : undefined,
  }),
  scaigrid: rest({
    path: () => '/v1/inference/chat',
    body: (way, model, members) => ({ model, messages, ...members, ...streamed(way) }),
    refusal: (body) =>
      at(body, 'status') === 'error' && at(body, 'error', 'code') === 'invalid_request'
        ? at(body, 'error', 'message')
        : undefined,
  }),
  sgp: rest({
    passesTo: 'openai',
    below: 'args',
    path: () => '/v5/inference',
    body: (way, model, { args = {}, ...members }) => ({
      model,
      args: { messages, ...(args as JsonObject), ...streamed(way) },
      ...members,
    }),
    refusal: (body) => at(body, 'detail'),
  }),
  rpc: {
    ways: ['whole', 'stream', 'count'],
    // What the contract does not know cannot be sent; what only another dialect knows can.
    unknown: () => ({ tools: [{ provider: { dialect: 'another', definition: {} } }] }),
    ask: askByRpc,
  },
}

async function askByRpc(url: string, way: Way, model: string, members: JsonObject, strict: boolean): Promise<Outcome> {
  const client = createClient(InferenceService, createGrpcTransport({ baseUrl: url }))
  const said = { role: 'ROLE_USER', parts: [{ text: { text: question } }] }
  const request = fromJson(ChatRequestSchema, { model, messages: [said], ...members, strict })
  let header = ''
  const onHeader = (headers: Headers): void => {
    header = headers.get('x-switchyard-dropped') ?? ''
  }
  try {
    const { dropped, estimated } = await answerOf()
    if (dropped.join(', ') !== header) throw new Error(`the header says "${header}", the answer ${dropped.join(', ')}`)
    return { ok: true, dropped, estimated, refusal: '' }
  } catch (thrown) {
    if (!(thrown instanceof ConnectError)) throw thrown
    const [info] = thrown.findDetails(ErrorInfoSchema)
    const right = thrown.code === Code.InvalidArgument && info?.reason === 'unsupported_field'
    return { ok: false, dropped: [], estimated: false, refusal: right ? thrown.rawMessage : '' }
  }

  async function answerOf(): Promise<{ dropped: readonly string[]; estimated: boolean }> {
    if (way === 'count') return client.countTokens(request, { onHeader })
    if (way === 'whole') return { ...(await client.chat(request, { onHeader })), estimated: false }
    let dropped: readonly string[] = []
    for await (const { event } of client.streamChat(request, { onHeader }))
      if (event.case === 'started') dropped = event.value.dropped
    return { dropped, estimated: false }
  }
}
