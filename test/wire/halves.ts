import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import { anthropicClient, geminiClient, openaiClient, responsesClient } from '../../src/dialects/clients.ts'
import type { ChatRoute } from '../../src/dialects/contract.ts'
import { parseBody } from '../../src/dialects/json.ts'
import { serverDialects } from '../../src/dialects/servers.ts'
import { asMap, type JsonMap, type WireCase } from './case.ts'
import { recordedModel } from './checks/probe.ts'
import type { VendorDialect } from './checks/vendor-dialects.ts'
import { formatOf } from './format.ts'

/** A recorded request of a dialect with both halves. */
export interface RecordedRequest {
  readonly dialect: VendorDialect
  /** As it was recorded, with the model that its path names where its body does not. */
  readonly body: JsonMap
  readonly model: string
  readonly streaming: boolean
  readonly headers: Readonly<Record<string, string>>
}

/** What the server half read. */
export interface DecodedRequest {
  /** Without its source: nothing of the recorded body but what the contract carries. */
  readonly request: ChatRequest
  /** Paths of the body that the contract does not carry. */
  readonly untranslated: readonly string[]
}

/**
 * The recorded request; undefined where none was recorded, its format has no server half, or it leans on what the vendor stored, which
 * the gateway refuses.
 */
export function requestOf(wireCase: WireCase, streaming: boolean): RecordedRequest | undefined {
  const format = formatOf(wireCase)
  const body = asMap(wireCase.request?.body)
  if (format === undefined || body === undefined) return undefined
  if (format === 'bedrock' || format === 'cohere' || format === 'ollama') return undefined
  if (format === 'completions' && !Array.isArray(body['messages'])) return undefined
  if (body['previous_response_id'] != null || body['background'] === true) return undefined
  if (body['conversation'] != null) return undefined
  const model = recordedModel(wireCase)
  const asked =
    format === 'gemini'
      ? body
      : { model, ...body, ...(streaming !== (body['stream'] === true) && { stream: streaming }) }
  return {
    dialect: format === 'completions' ? 'openai' : format,
    body: withOwnIds(wireCase, asked),
    model,
    streaming,
    headers: wireCase.request?.headers ?? {},
  }
}

/** One vendor takes ids of nine characters alone. A recorder's stand-in for such an id is given its length again. */
function withOwnIds({ api }: WireCase, body: JsonMap): JsonMap {
  if (api !== 'mistral') return body
  const text = JSON.stringify(body).replaceAll(/"call_REDACTED_(\d+)"/g, (_all, number: string) => {
    return JSON.stringify('REDACTED'.slice(0, 9 - number.length) + number)
  })
  return JSON.parse(text) as JsonMap
}

/** Reads a request with the server half. Throws what a client would be refused with. */
export function decode({ dialect, body, model, streaming, headers }: RecordedRequest): DecodedRequest {
  const facts = {
    requestId: 'recorded',
    header: (name: string) => headers[name],
    query: new URLSearchParams(),
    params: { '*': model },
  }
  const { request, dropped = [] } = routeOf(dialect, streaming).decode(parseBody(JSON.stringify(body), true), facts)
  const { source, ...bare } = request
  return { request: bare, untranslated: [...(source?.untranslated ?? []), ...dropped] }
}

function routeOf(dialect: VendorDialect, streaming: boolean): ChatRoute {
  const routes = serverDialects.find(({ name }) => name === dialect)?.chat ?? []
  const route = routes.find(({ path }) => dialect !== 'gemini' || path.includes('stream') === streaming)
  if (route === undefined) throw new Error(`the dialect ${dialect} has no route for chats`)
  return route
}

/** What a client half wrote. */
export interface EncodedRequest {
  readonly body: JsonMap
  readonly dropped: readonly string[]
}

/** Writes a request with the client half, for a vendor that takes back all the format has a place for. */
export function encode(dialect: VendorDialect, request: ChatRequest, streaming: boolean): EncodedRequest {
  const { body, dropped } = encodeWith(dialect, request, streaming)
  return { body: JSON.parse(body) as JsonMap, dropped }
}

function encodeWith(dialect: VendorDialect, request: ChatRequest, streaming: boolean) {
  switch (dialect) {
    case 'openai':
      return openaiClient.encodeChat(request, streaming, {
        ...openaiClient.defaults,
        reasoningField: 'reasoning_content',
        linked: ['audio', 'file'],
      })
    case 'anthropic':
      return anthropicClient.encodeChat(request, streaming, anthropicClient.defaults)
    case 'gemini':
      return geminiClient.encodeChat(request, streaming, { ...geminiClient.defaults, fetchesUrls: true })
    case 'responses':
      return responsesClient.encodeChat(request, streaming, { ...responsesClient.defaults, unsignedReasoning: true })
    default:
      return dialect satisfies never
  }
}
