import type { ChatEvent, ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import type { CountDialect, EncodedChat, ListedModel, ModelsDialect } from '../dialects/contract.ts'
import { fail } from '../error/index.ts'
import { lengthOf } from '../model/length.ts'
import { estimateTokens } from '../model/usage.ts'
import type { CallContext, CountTokensInit, Provider } from './contract.ts'
import type { UpstreamResponse } from './egress.ts'
import { inlineMedia, type NeedsBytes, withStandIns, withTrueTypes } from './media.ts'
import { linkMedia } from './media-link.ts'
import { readAnswer } from './upstream-answer.ts'
import { post, refuseDropped, requireSuccess, send, type Upstream } from './upstream-http.ts'
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
  yield* readAnswer(dialect, response, context, encoded.passThrough, (passThrough, upstreamRequestId) =>
    dialect.decodeChat({ ...encoded, passThrough }, options, upstreamRequestId),
  )
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
  await requireSuccess(upstream, response, context)
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
  const { options } = upstream
  const headers = { accept: 'application/json', ...models.headers?.(options) }
  let cursor: string | undefined
  for (let page = 1; page <= mostPages; page++) {
    const query = models.query?.(cursor) ?? ''
    const response = await send(upstream, { method: 'GET', path: path + query, body: '' }, headers, context)
    if (response.status === 404 || response.status === 405)
      throw fail('unsupported_operation', `the provider lists no models there: it answered ${response.status}`)
    await requireSuccess(upstream, response, context)
    const { models: listed, next } = models.decode(await response.text())
    yield* listed
    if (next === undefined || next === cursor) return
    cursor = next
  }
}
