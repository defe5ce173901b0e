import type { Video } from '#gen/switchyard/v1/video_pb.ts'
import type { VideoDialect } from '../dialects/client-operations.ts'
import { readDataUrl } from '../dialects/parts.ts'
import { fail } from '../error/index.ts'
import type { CallContext, DownloadVideoInit, VideoInit } from './contract.ts'
import type { UpstreamResponse } from './egress.ts'
import { answerOf, reading, requireSuccess, send, type Upstream } from './upstream-http.ts'

/** Asks how far a video is. */
export async function getVideo<Options>(
  upstream: Upstream<Options>,
  dialect: VideoDialect<Options>,
  id: string,
  context: CallContext,
): Promise<Video> {
  const { path, headers } = dialect.encodeGet(id, upstream.options)
  const response = await ask(upstream, 'GET', path, { accept: 'application/json', ...headers }, context)
  await requireSuccess(upstream, response, context)
  return await reading(context, async () => dialect.decodeGet(await answerOf(response), id, upstream.options))
}

/** Asks to end a video. One that the upstream does not know any more has ended. */
export async function cancelVideo<Options>(
  upstream: Upstream<Options>,
  dialect: VideoDialect<Options>,
  id: string,
  context: CallContext,
): Promise<VideoInit> {
  const cancel = dialect.encodeCancel?.(id, upstream.options)
  if (cancel === undefined) throw fail('unsupported_operation', 'the provider cannot end a video that it has begun')
  const response = await ask(upstream, cancel.method, cancel.path, { accept: 'application/json' }, context)
  if (response.status !== 404) await requireSuccess(upstream, response, context)
  await response.text()
  return { id }
}

/** The bytes of a video, as they come. */
export async function* downloadVideo<Options>(
  upstream: Upstream<Options>,
  dialect: VideoDialect<Options>,
  id: string,
  context: CallContext,
): AsyncGenerator<DownloadVideoInit, void, void> {
  const path = dialect.contentPath?.(id, upstream.options)
  if (path !== undefined) {
    yield* bytesOf(upstream, await ask(upstream, 'GET', path, { accept: '*/*' }, context), context)
    return
  }
  const [file] = (await getVideo(upstream, dialect, id, context)).files
  if (file === undefined) throw fail('provider_error', 'the provider has no bytes of the video')
  const inline = readDataUrl(file.url, 'url')
  if (inline === undefined) yield* bytesOf(upstream, await fetchFile(upstream, file.url, context), context)
  else yield { data: inline.data, mediaType: inline.mediaType }
}

async function* bytesOf<Options>(
  upstream: Upstream<Options>,
  response: UpstreamResponse,
  context: CallContext,
): AsyncGenerator<DownloadVideoInit, void, void> {
  await requireSuccess(upstream, response, context)
  let mediaType = response.header('content-type') ?? ''
  for await (const data of response.body) {
    yield { data, mediaType }
    mediaType = ''
  }
}

/** Places that an upstream leads on to, one after the other, at most. */
const mostHops = 5

/** What a URL leads to that an upstream gave. The key is shown to the upstream's own host alone, and other hosts have to be public. */
async function fetchFile<Options>(
  upstream: Upstream<Options>,
  url: string,
  context: CallContext,
): Promise<UpstreamResponse> {
  let at = url
  for (let hop = 0; hop < mostHops; hop++) {
    const own = at.startsWith(`${upstream.baseUrl}/`)
    const response = own
      ? await ask(upstream, 'GET', at.slice(upstream.baseUrl.length), { accept: '*/*' }, context)
      : await context.egress.sendGuarded({ method: 'GET', url: at, headers: { accept: '*/*' }, signal: context.signal })
    const next = response.header('location')
    if (response.status < 300 || response.status > 399 || next === undefined) return response
    if (!URL.canParse(next, at)) break
    at = new URL(next, at).href
  }
  throw fail('provider_error', 'the bytes of the video lead nowhere')
}

function ask<Options>(
  upstream: Upstream<Options>,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  headers: Readonly<Record<string, string>>,
  context: CallContext,
): Promise<UpstreamResponse> {
  return send(upstream, { method, path: upstream.operationPath?.(path, '') ?? path, body: '' }, headers, context)
}
