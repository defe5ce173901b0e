import type { ChatEvent, ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import type {
  ChatDecoder,
  CountDialect,
  EncodedChat,
  ListedModel,
  MessageReader,
  ModelsDialect,
  SseMessage,
} from '../dialects/contract.ts'
import { sseReader } from '../dialects/sse.ts'
import { fail, GatewayError } from '../error/index.ts'
import { lengthOf } from '../model/length.ts'
import { estimateTokens } from '../model/usage.ts'
import { conceal, secretsOf } from './conceal.ts'
import type { CallContext, CountTokensInit, Provider } from './contract.ts'
import type { UpstreamResponse } from './egress.ts'
import { inlineMedia, type NeedsBytes, withStandIns, withTrueTypes } from './media.ts'
import { linkMedia } from './media-link.ts'
import { HalfPairs } from './half-pairs.ts'
import { failureOf, idOf, post, refuseDropped, send, type Upstream } from './upstream-http.ts'
import { otherOperations } from './upstream-operations.ts'

export type { Upstream } from './upstream-http.ts'

/** A provider that asks an HTTP API through the client half of its dialect. */
export function upstreamProvider<Options>(upstream: Upstream<Options>): Provider {
  const { count, models } = upstream.dialect
  const { modelsPath = models?.path(upstream.options) } = upstream
  return {
    chat: (request, context) => chat(upstream, request, context),
    countTokens: (request, context) =>
      count === undefined ? estimate(upstream, request) : countTokens(upstream, count, request, context),
    ...otherOperations(upstream),
    ...(models !== undefined &&
      typeof modelsPath === 'string' && { listModels: (context) => listModels(upstream, models, modelsPath, context) }),
  }
}

async function* chat<Options>(
  upstream: Upstream<Options>,
  request: ChatRequest,
  context: CallContext,
): AsyncGenerator<readonly ChatEvent[]> {
  const { dialect, options } = upstream
  const { response, encoded } = await ask(upstream, request, context)
  if (response.status >= 200 && response.status <= 299) context.media?.forget(request)
  const secrets = secretsOf([context.credential])
  if (response.status < 200 || response.status > 299) throw conceal(secrets, await failureOf(dialect, response))
  const reader = dialect.reader?.(response.header('content-type') ?? '', context.streaming)
  const streamed = reader !== undefined || isEventStream(response, context.streaming)
  const passThrough = encoded.passThrough && streamed === context.streaming
  const upstreamRequestId = idOf(response, secrets)
  const decoder = dialect.decodeChat({ ...encoded, passThrough }, options, upstreamRequestId)
  try {
    if (!streamed) {
      const text = await response.text()
      yield new HalfPairs().mend(decoder.whole(text), text)
      return
    }
    yield* readStream(decoder, response, reader ?? sseReader())
  } catch (error) {
    throw error instanceof GatewayError ? conceal(secrets, error) : error
  }
}

/** Sends the request. Its body is let go of here, and not kept for as long as a stream may last. */
async function ask<Options>(
  upstream: Upstream<Options>,
  request: ChatRequest,
  context: CallContext,
): Promise<{ response: UpstreamResponse; encoded: Omit<EncodedChat, 'body'> }> {
  const { dialect, options, chatPath } = upstream
  const { body, ...encoded } = dialect.encodeChat(
    await withLinks(upstream, await withBytes(upstream, request, context), context),
    context.streaming,
    options,
  )
  refuseDropped(request, encoded.dropped)
  const accept = context.streaming ? 'text/event-stream' : 'application/json'
  const response = await post(upstream, encoded.path ?? chatPath, body, { accept, ...encoded.headers }, context)
  return { response, encoded }
}

/** The request with bytes in the place of the URLs that the upstream does not read; in the client's own words too, if they are sent on. */
async function withBytes<Options>(
  upstream: Upstream<Options>,
  request: ChatRequest,
  context: CallContext,
): Promise<ChatRequest> {
  const { request: inlined, media } = await inlineMedia(request, needsOf(upstream, request), context)
  const { source } = inlined
  const { dialect } = upstream
  if (source?.dialect !== dialect.name) return withTrueTypes(inlined)
  if (media.size === 0) return inlined
  return { ...inlined, source: { ...source, body: dialect.inlineMedia?.(source.body, media) ?? source.body } }
}

/** Which pieces of the request the upstream is sent as bytes. What is sent on in the client's own words may not be changed in them. */
function needsOf<Options>({ dialect, options }: Upstream<Options>, { source }: ChatRequest): NeedsBytes {
  if (source?.dialect === dialect.name && dialect.inlineMedia === undefined) return () => false
  return (media) => dialect.carries?.(media, options) === 'bytes'
}

/** The request with links in the place of large media, where the upstream reads links and the client's own words are not sent on. */
function withLinks<Options>(
  { dialect, options }: Upstream<Options>,
  request: ChatRequest,
  { publisher, log }: CallContext,
): ChatRequest | Promise<ChatRequest> {
  if (publisher === undefined || request.source?.dialect === dialect.name) return request
  const readsUrl: NeedsBytes = (media) => dialect.carries?.(media, options) === 'url'
  return linkMedia(request, readsUrl, publisher, (err) => {
    log.warn({ err }, 'large media cannot be kept, and are sent as they are')
  })
}

/** What the upstream itself counts. Throws as a chat would. */
async function countTokens<Options>(
  upstream: Upstream<Options>,
  count: CountDialect<Options>,
  request: ChatRequest,
  context: CallContext,
): Promise<CountTokensInit> {
  const asked = await withBytes(upstream, request, context)
  const { path, body, headers, dropped } = count.encodeCount(asked, upstream.options)
  refuseDropped(request, dropped)
  const response = await post(upstream, path, body, { accept: 'application/json', ...headers }, context)
  const secrets = secretsOf([context.credential])
  if (response.status < 200 || response.status > 299)
    throw conceal(secrets, await failureOf(upstream.dialect, response))
  return { inputTokens: count.decodeCount(await response.text()), dropped: [...dropped] }
}

/** A guess where the format has no such question, with what a chat would not carry. Throws as a chat would before it is sent. */
async function estimate<Options>(upstream: Upstream<Options>, request: ChatRequest): Promise<CountTokensInit> {
  const { dialect, options } = upstream
  const { dropped } = dialect.encodeChat(withStandIns(request, needsOf(upstream, request)), false, options)
  refuseDropped(request, dropped)
  return { inputTokens: estimateTokens(lengthOf(request)), estimated: true, dropped: [...dropped] }
}

/** Pages of a list at most: an upstream whose list does not end is not followed for ever. */
const mostPages = 100

/** The upstream's own list, page by page. An upstream without one is `unsupported_operation`. */
async function* listModels<Options>(
  upstream: Upstream<Options>,
  models: ModelsDialect<Options>,
  path: string,
  context: CallContext,
): AsyncGenerator<ListedModel, void, void> {
  const { dialect, options } = upstream
  const secrets = secretsOf([context.credential])
  const headers = { accept: 'application/json', ...models.headers?.(options) }
  let cursor: string | undefined
  for (let page = 1; page <= mostPages; page++) {
    const query = models.query?.(cursor) ?? ''
    const response = await send(upstream, { method: 'GET', path: path + query, body: '' }, headers, context)
    if (response.status === 404 || response.status === 405)
      throw fail('unsupported_operation', `the provider lists no models there: it answered ${response.status}`)
    if (response.status < 200 || response.status > 299) throw conceal(secrets, await failureOf(dialect, response))
    const { models: listed, next } = models.decode(await response.text())
    yield* listed
    if (next === undefined || next === cursor) return
    cursor = next
  }
}

/**
 * The events of a stream. One that breaks or fails tells its usage as far as it is known and then throws; one that fails before its
 * first event only throws, so that another target can be asked.
 */
async function* readStream(
  decoder: ChatDecoder,
  response: UpstreamResponse,
  reader: MessageReader,
): AsyncGenerator<readonly ChatEvent[], void, void> {
  const pairs = new HalfPairs()
  let begun = false
  let broken: unknown
  try {
    for await (const bytes of response.body) {
      const events = decodeAll(decoder, pairs, reader.read(bytes))
      begun ||= events.length > 0
      if (events.length > 0) yield events
      if (decoder.complete) break
    }
  } catch (error) {
    broken = error
  }
  const rest = broken === undefined ? decodeAll(decoder, pairs, reader.end()) : []
  const { events: last, failure } = decoder.end()
  const events = pairs.mend(last, '')
  const error = broken ?? failure
  if (error === undefined) yield [...rest, ...events]
  else {
    if (begun) yield [...rest, ...events.filter(({ event }) => event.case === 'usage')]
    throw error
  }
}

function decodeAll(decoder: ChatDecoder, pairs: HalfPairs, messages: readonly SseMessage[]): ChatEvent[] {
  const events: ChatEvent[] = []
  for (const message of messages) {
    if (!decoder.complete) events.push(...pairs.mend(decoder.event(message), message.data))
  }
  return events
}

/** The content type decides; without one, what was asked for does. */
function isEventStream(response: UpstreamResponse, asked: boolean): boolean {
  const type = response.header('content-type')
  if (type === undefined) return asked
  return type.includes('text/event-stream') || (asked && !type.includes('json'))
}
