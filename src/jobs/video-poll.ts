import { create } from '@bufbuild/protobuf'
import {
  DownloadVideoRequestSchema,
  GetVideoRequestSchema,
  JobStatus,
  type Video,
  VideoSchema,
} from '#gen/switchyard/v1/video_pb.ts'
import type { LoadedProvider, Pricing } from '../core/contract.ts'
import { Watch } from '../core/deadline.ts'
import type { LiveRegistry } from '../core/live.ts'
import { scrub } from '../dialects/scrub.ts'
import { asGatewayError, fail } from '../error/index.ts'
import { usage } from '../model/usage.ts'
import { isBeingMade, toldProgress, toldSeconds } from '../model/video.ts'
import type { CallContext, Logger } from '../provider/contract.ts'
import type { Egress } from '../provider/egress.ts'
import type { ClaimedVideo, RequestRow, VideoEnd, VideoRow, VideoStore } from '../store/contract.ts'
import type { Vault } from '../store/vault.ts'

/** How videos are followed. Times are milliseconds. */
export interface VideoSettings {
  /** Between two looks for videos to ask for. */
  readonly pollMs: number
  /** How long one look at a provider, or one piece of the bytes, may take; and how long a video is on lease. */
  readonly leaseMs: number
  /** After how long a video is given up that is not there. */
  readonly deadlineMs: number
  /** Videos that this process asks for at once. */
  readonly most: number
  /** How long the bytes are kept; Infinity: for as long as files are. */
  readonly keptMs: number
}

/** What videos are followed with. */
export interface VideoPollParts {
  readonly store: VideoStore
  readonly vault: Pick<Vault, 'keep' | 'remove'>
  readonly registry: LiveRegistry
  readonly egress: Egress
  readonly pricing: Pricing
  /** Whether calls are written down. */
  readonly keepsRows: boolean
  readonly settings: VideoSettings
  readonly log: Logger
}

/** When a video of that age is asked for again: soon at first, and then every quarter of a minute. */
export function nextLook(video: Pick<VideoRow, 'created'>, now: number, pollMs: number): number {
  const age = Math.max(0, now - video.created)
  return now + Math.min(15_000, Math.max(pollMs, age / 10))
}

/**
 * Asks the provider once how far a video is that is on lease, and writes down what it says; when it is there, keeps its bytes. A look
 * that fails is no end: another follows until the deadline. Never rejects.
 */
export async function lookAt(
  { video, fence }: ClaimedVideo,
  parts: VideoPollParts,
  signal: AbortSignal,
): Promise<void> {
  const { store, settings, log } = parts
  const held = parts.registry.hold()
  try {
    const end = await endOf(video, fence, parts, held.provider(video.provider), signal)
    if (end === undefined) return
    const row = end.status === 'completed' && parts.keepsRows ? paidRow(video, end.seconds, parts.pricing) : undefined
    const isOurs = await store.end(video.id, fence, end, row, Date.now())
    // What another has kept as well: these bytes go now, or when their time is over.
    if (!isOurs && end.status === 'completed') await parts.vault.remove(end.fileId, 'all').catch(() => undefined)
  } catch (thrown) {
    const error = asGatewayError(thrown)
    log.warn(
      { video: video.id, provider: video.provider, reason: error.reason, err: thrown },
      'a video was not asked for',
    )
    const now = Date.now()
    const { progress } = video
    const status = video.status === 'queued' ? 'queued' : 'in_progress'
    const due = nextLook(video, now, settings.pollMs)
    await store.report(video.id, fence, { status, progress, due }).catch(() => undefined)
  } finally {
    parts.registry.release(held)
  }
}

/** How the video ended; undefined while it has not, which is then written down. */
async function endOf(
  video: VideoRow,
  fence: number,
  parts: VideoPollParts,
  loaded: LoadedProvider | undefined,
  signal: AbortSignal,
): Promise<VideoEnd | undefined> {
  const now = Date.now()
  if (video.upstreamId === '')
    return failed('gateway_lost', 'the gateway ended before a provider had taken the video on')
  if (now >= video.deadline) return failed('timeout', 'the video was not there in time')
  if (loaded === undefined) throw fail('not_found', `there is no provider "${video.provider}" any more`)
  const { provider } = loaded
  if (provider.getVideo === undefined) return failed('unsupported_operation', 'the provider cannot be asked for videos')
  const { leaseMs, pollMs } = parts.settings
  const context = contextOf(loaded, parts, AbortSignal.any([signal, AbortSignal.timeout(leaseMs)]))
  const asked = create(GetVideoRequestSchema, { id: video.upstreamId, model: video.model })
  let state: Video
  try {
    state = create(VideoSchema, await provider.getVideo(asked, context))
  } catch (thrown) {
    if (asGatewayError(thrown).reason === 'not_found')
      return failed('not_found', 'the provider does not know the video any more')
    throw thrown
  }
  if (isBeingMade(state)) {
    const status = state.status === JobStatus.IN_PROGRESS ? 'in_progress' : 'queued'
    const progress = toldProgress(state)
    await parts.store.report(video.id, fence, { status, progress, due: nextLook(video, now, pollMs) })
    return undefined
  }
  if (state.status !== JobStatus.COMPLETED) return refused(state, loaded)
  try {
    const fileId = await keepBytes(video, fence, parts, loaded, signal)
    return { status: 'completed', fileId, seconds: toldSeconds(state) || video.seconds }
  } catch (thrown) {
    // It would be as large the next time.
    if (asGatewayError(thrown).reason !== 'payload_too_large') throw thrown
    return failed('payload_too_large', 'the video is larger than a file may be here')
  }
}

/** Why a provider made no video, in its own words, with its keys and whatever else nobody should see taken out. */
function refused({ errorReason, errorMessage }: Video, { credentials }: LoadedProvider): VideoEnd {
  const secrets = credentials.map(({ secret }) => secret.reveal())
  const isWord = /^[\w.-]{1,64}$/.test(errorReason) && scrub(errorReason, secrets) === errorReason
  const message = scrub(errorMessage, secrets) || 'the provider could not make the video'
  return failed(isWord ? errorReason : 'provider_error', message)
}

/** Keeps the bytes of a video that is there, and gives the id of their file. */
async function keepBytes(
  video: VideoRow,
  fence: number,
  parts: VideoPollParts,
  loaded: LoadedProvider,
  signal: AbortSignal,
): Promise<string> {
  const { provider } = loaded
  if (provider.downloadVideo === undefined)
    throw fail('unsupported_operation', `the provider "${video.provider}" gives no bytes of videos`)
  const { store, vault, settings } = parts
  const stop = new AbortController()
  const give = AbortSignal.any([signal, stop.signal])
  const asked = create(DownloadVideoRequestSchema, { id: video.upstreamId, model: video.model })
  const pieces = provider.downloadVideo(asked, contextOf(loaded, parts, give))[Symbol.asyncIterator]()
  using watch = new Watch((error) => stop.abort(error))
  const next = async (): ReturnType<typeof pieces.next> => {
    watch.arm('between_events', settings.leaseMs)
    try {
      return await pieces.next()
    } finally {
      watch.rest()
    }
  }
  const renewal = setInterval(() => {
    store.renew(video.id, fence, Date.now() + settings.leaseMs).then(
      (isOurs) => isOurs || stop.abort(fail('conflict', 'another replica has the video')),
      () => undefined,
    )
  }, settings.leaseMs / 3)
  try {
    // The type of the bytes has to be known before they are kept.
    const first = await next()
    if (first.done === true) throw fail('provider_error', "the provider's video is empty")
    const mediaType = first.value.mediaType || 'video/mp4'
    async function* bytes(): AsyncGenerator<Uint8Array, void, void> {
      for (let step = first; step.done !== true; step = await next())
        if (step.value.data !== undefined) yield step.value.data
    }
    const expires = Number.isFinite(settings.keptMs) ? Date.now() + settings.keptMs : undefined
    const facts = { name: `${video.id}.${extensionOf(mediaType)}`, purpose: 'video', mediaType, expires }
    return (await vault.keep(video.accountId, facts, bytes())).id
  } finally {
    clearInterval(renewal)
    await pieces.return?.()
    // What only led to the bytes may not have ended.
    stop.abort()
  }
}

const extensions: Readonly<Record<string, string>> = {
  'video/webm': 'webm',
  'video/quicktime': 'mov',
  'video/x-msvideo': 'avi',
  'image/gif': 'gif',
}

function extensionOf(mediaType: string): string {
  return extensions[mediaType.split(';')[0]?.trim().toLowerCase() ?? ''] ?? 'mp4'
}

/** What a provider is asked with, outside of any call. */
export function contextOf(
  { credentials: [credential] }: LoadedProvider,
  { egress, log }: Pick<VideoPollParts, 'egress' | 'log'>,
  signal: AbortSignal,
): CallContext {
  return { signal, streaming: false, requestId: '', egress, log, credential }
}

function failed(reason: string, message: string): VideoEnd {
  return { status: 'failed', problem: { reason, message } }
}

/** What a video that is there is paid by: a row of the request log of its own, with one id however often it is written. */
function paidRow(video: VideoRow, seconds: number, pricing: Pricing): RequestRow {
  const now = Date.now()
  const consumed = usage({ videoSeconds: seconds })
  const cost = pricing.cost(video.vendor, video.model, consumed, now)
  return {
    id: video.paidBy,
    accountId: video.accountId,
    keyId: video.keyId,
    dialect: video.dialect,
    operation: 'video',
    alias: video.alias,
    provider: video.provider,
    model: video.model,
    vendor: video.vendor,
    streaming: false,
    attempts: [],
    status: 'ok',
    reason: '',
    httpStatus: 200,
    finishReasons: [],
    usage: consumed,
    costNanoUsd: cost?.nanoUsd,
    priceVersion: cost?.version ?? '',
    started: video.created,
    timeToFirstEvent: undefined,
    duration: now - video.created,
    clientRequestId: '',
    upstreamRequestId: '',
    requestBytes: 0,
    responseBytes: 0,
  }
}
