import { create } from '@bufbuild/protobuf'
import { type Client, createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { Agent, request } from 'undici'
import { ChatRequestSchema, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { Points } from './points.ts'
import type { Tokens } from './upstream.ts'

/** What a client knows of a call: acknowledged with these tokens, told an error, or neither. */
export type Outcome =
  | { readonly kind: 'acknowledged'; readonly tokens: Tokens }
  | { readonly kind: 'refused'; readonly status: number | string }
  | { readonly kind: 'broken' }

/** One call by one API. Throws when the connection breaks. */
export type Way = (connection: Connection, id: string, model: string) => Promise<Outcome>

/** Clients of one running gateway. */
export interface Connection {
  readonly url: string
  readonly agent: Agent
  readonly rpc: Client<typeof InferenceService>
  readonly points: Points
}

/** Connects to a gateway. */
export function connect(url: string, points: Points): Connection {
  return {
    url,
    points,
    agent: new Agent({ connections: 64, keepAliveTimeout: 5000 }),
    rpc: createClient(InferenceService, createGrpcTransport({ baseUrl: url })),
  }
}

interface Posted {
  readonly status: number
  readonly text: string
}

async function post({ url, agent, points }: Connection, path: string, id: string, body: object): Promise<Posted> {
  const response = await request(`${url}${path}`, {
    method: 'POST',
    dispatcher: agent,
    headers: { 'content-type': 'application/json', 'x-request-id': id },
    body: JSON.stringify(body),
  })
  points.reached('first byte')
  let text = ''
  response.body.setEncoding('utf8')
  for await (const chunk of response.body) text += chunk as string
  return { status: response.statusCode, text }
}

function acknowledged({ points }: Connection, input: number | undefined, output: number | undefined): Outcome {
  if (input === undefined || output === undefined) return { kind: 'broken' }
  points.reached('acknowledged')
  return { kind: 'acknowledged', tokens: { input, output } }
}

interface OpenAiUsage {
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null
}
interface AnthropicUsage {
  readonly usage?: { readonly input_tokens: number; readonly output_tokens: number }
  readonly type?: string
}
interface PlatformUsage {
  readonly usage?: { readonly inputTokens: number; readonly outputTokens: number }
  readonly type?: string
}

/** The values of the `data:` lines. */
function dataOf<Value>(text: string): Value[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: {') && line.endsWith('}'))
    .map((line) => JSON.parse(line.slice('data: '.length)) as Value)
}

const refused = (status: number): Outcome => ({ kind: 'refused', status })

function rpcRequest(id: string, model: string) {
  const parts = [{ kind: { case: 'text' as const, value: { text: id } } }]
  return create(ChatRequestSchema, { model, messages: [{ role: Role.USER, parts }] })
}

function ofUsage(connection: Connection, usage: Usage | undefined): Outcome {
  return acknowledged(connection, usage?.inputTokens, usage?.outputTokens)
}

/** The calls that clients make, by name: three dialects and gRPC, whole and streaming. */
export const ways: Readonly<Record<string, Way>> = {
  async openai(connection, id, model) {
    const { status, text } = await post(connection, '/v1/chat/completions', id, { model, messages: user(id) })
    if (status !== 200) return refused(status)
    const { usage } = JSON.parse(text) as OpenAiUsage
    return acknowledged(connection, usage?.prompt_tokens, usage?.completion_tokens)
  },
  async 'openai stream'(connection, id, model) {
    const options = { stream: true, stream_options: { include_usage: true } }
    const { status, text } = await post(connection, '/v1/chat/completions', id, {
      model,
      messages: user(id),
      ...options,
    })
    if (status !== 200) return refused(status)
    if (!text.endsWith('data: [DONE]\n\n')) return { kind: 'broken' }
    const usage = dataOf<OpenAiUsage>(text).findLast((chunk) => (chunk.usage ?? null) !== null)?.usage
    return acknowledged(connection, usage?.prompt_tokens, usage?.completion_tokens)
  },
  async anthropic(connection, id, model) {
    const { status, text } = await post(connection, '/v1/messages', id, { model, max_tokens: 100, messages: user(id) })
    if (status !== 200) return refused(status)
    const { usage } = JSON.parse(text) as AnthropicUsage
    return acknowledged(connection, usage?.input_tokens, usage?.output_tokens)
  },
  async 'anthropic stream'(connection, id, model) {
    const body = { model, max_tokens: 100, stream: true, messages: user(id) }
    const { status, text } = await post(connection, '/v1/messages', id, body)
    if (status !== 200) return refused(status)
    const events = dataOf<AnthropicUsage>(text)
    if (events.at(-1)?.type !== 'message_stop') return { kind: 'broken' }
    const usage = events.findLast(({ type }) => type === 'message_delta')?.usage
    return acknowledged(connection, usage?.input_tokens, usage?.output_tokens)
  },
  async platform(connection, id, model) {
    const { status, text } = await post(connection, '/api/v1/inference/chat', id, { model, messages: user(id) })
    if (status !== 200) return refused(status)
    const { usage } = (JSON.parse(text) as { data: PlatformUsage }).data
    return acknowledged(connection, usage?.inputTokens, usage?.outputTokens)
  },
  async 'platform stream'(connection, id, model) {
    const { status, text } = await post(connection, '/api/v1/inference/chat/stream', id, { model, messages: user(id) })
    if (status !== 200) return refused(status)
    const last = dataOf<PlatformUsage>(text).at(-1)
    if (last?.type !== 'message_stop') return { kind: 'broken' }
    return acknowledged(connection, last.usage?.inputTokens, last.usage?.outputTokens)
  },
  async grpc(connection, id, model) {
    const { usage } = await connection.rpc.chat(rpcRequest(id, model), { headers: { 'x-request-id': id } })
    return ofUsage(connection, usage)
  },
  async 'grpc stream'(connection, id, model) {
    let usage: Usage | undefined
    const events = connection.rpc.streamChat(rpcRequest(id, model), { headers: { 'x-request-id': id } })
    for await (const { event } of events) {
      connection.points.reached('first byte')
      if (event.case === 'usage') usage = event.value
    }
    return ofUsage(connection, usage)
  },
}

function user(content: string) {
  return [{ role: 'user', content }]
}
