import type { ChatEvent, ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import type { ClientDialect } from '../dialects/contract.ts'
import { scrub } from '../dialects/scrub.ts'
import { sseReader } from '../dialects/sse.ts'
import { fail, GatewayError } from '../error/index.ts'
import type { CallContext, Credential, Provider } from './contract.ts'
import type { UpstreamResponse } from './egress.ts'

/** An HTTP API behind a provider: its format, its address, and how it wants to be shown the key. */
export interface Upstream<Options> {
  readonly dialect: ClientDialect<Options>
  readonly options: Options
  /** Whole URL of the chat endpoint. */
  readonly chatUrl: string
  /** Headers of every request, the credential among them. */
  headers(credential: Credential | undefined): Readonly<Record<string, string>>
}

/** A provider that asks an HTTP API through the client half of its dialect. */
export function upstreamProvider<Options>(upstream: Upstream<Options>): Provider {
  return { chat: (request, context) => chat(upstream, request, context) }
}

async function* chat<Options>(
  { dialect, options, chatUrl, headers }: Upstream<Options>,
  request: ChatRequest,
  context: CallContext,
): AsyncGenerator<readonly ChatEvent[]> {
  const encoded = dialect.encodeChat(request, context.streaming, options)
  refuseDropped(request, encoded.dropped)
  const response = await context.egress.send({
    method: 'POST',
    url: chatUrl,
    headers: {
      'content-type': 'application/json',
      accept: context.streaming ? 'text/event-stream' : 'application/json',
      'x-request-id': context.requestId,
      ...headers(context.credential),
    },
    body: encoded.body,
    signal: context.signal,
  })
  const secrets = context.credential === undefined ? [] : [context.credential.secret.reveal()]
  if (response.status < 200 || response.status > 299) throw without(secrets, await failureOf(dialect, response))
  const streamed = isEventStream(response, context.streaming)
  const passThrough = encoded.passThrough && streamed === context.streaming
  const upstreamRequestId = response.header('x-request-id') ?? response.header('request-id') ?? ''
  const decoder = dialect.decodeChat({ ...encoded, passThrough }, options, upstreamRequestId)
  try {
    if (!streamed) {
      yield decoder.whole(await response.text())
      return
    }
    const reader = sseReader()
    for await (const bytes of response.body) {
      const events: ChatEvent[] = []
      for (const message of reader.read(bytes)) if (!decoder.complete) events.push(...decoder.event(message))
      if (events.length > 0) yield events
      if (decoder.complete) break
    }
    const rest: ChatEvent[] = []
    for (const message of reader.end()) if (!decoder.complete) rest.push(...decoder.event(message))
    const { events, failure } = decoder.end()
    yield [...rest, ...events]
    if (failure !== undefined) throw failure
  } catch (error) {
    throw error instanceof GatewayError ? without(secrets, error) : error
  }
}

/** In strict mode a field that cannot be carried is refused before anything is sent. */
export function refuseDropped(request: ChatRequest, dropped: readonly string[]): void {
  if (!request.strict || dropped.length === 0) return
  const [first] = dropped
  throw fail('unsupported_field', `the provider of this model cannot carry: ${dropped.join(', ')}`, {
    ...(first !== undefined && { param: first }),
  })
}

async function failureOf<Options>(dialect: ClientDialect<Options>, response: UpstreamResponse): Promise<GatewayError> {
  const text = await response.text(1024 * 1024).catch(() => '')
  return dialect.decodeError({ status: response.status, header: (name) => response.header(name), text })
}

/** The content type decides; without one, what was asked for does. */
function isEventStream(response: UpstreamResponse, asked: boolean): boolean {
  const type = response.header('content-type')
  if (type === undefined) return asked
  return type.includes('text/event-stream') || (asked && !type.includes('json'))
}

/** The error with the credential gone from its message, should the upstream have quoted it. */
function without(secrets: readonly string[], error: GatewayError): GatewayError {
  if (!secrets.some((secret) => error.message.includes(secret))) return error
  return fail(error.reason, scrub(error.message, secrets), { ...error.details, cause: undefined })
}
