import type { Image } from '#gen/switchyard/v1/chat_pb.ts'
import { type CreateVideoRequest, JobStatus, type Video } from '#gen/switchyard/v1/video_pb.ts'
import { fail } from '../../error/index.ts'
import { pictureType } from '../../model/picture.ts'
import { videoOf } from '../../model/video.ts'
import type { EncodedCall, UpstreamAnswer, VideoDialect } from '../client-operations.ts'
import { toDataUrl } from '../parts.ts'
import { isObject, numberOf, textOf } from '../scalars.ts'
import { scrub } from '../scrub.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { parseObject } from '../wire-object.ts'

/** How videos are made by OpenAI: https://platform.openai.com/docs/api-reference/videos */
export const video: VideoDialect<unknown> = {
  encode,
  decode: ({ text }, { dropped }) => ({ ...read(text), dropped: [...dropped] }),
  encodeGet: (id) => ({ path: `/videos/${encodeURIComponent(id)}` }),
  decodeGet: ({ text }: UpstreamAnswer) => read(text),
  contentPath: (id) => `/videos/${encodeURIComponent(id)}/content`,
  encodeCancel: (id) => ({ method: 'DELETE', path: `/videos/${encodeURIComponent(id)}` }),
}

function encode({ model, prompt, size, seconds, firstFrame, user, source }: CreateVideoRequest): EncodedCall {
  const dropped = [...(source?.untranslated ?? []), ...(user === undefined ? [] : ['user'])]
  const body = {
    model,
    prompt,
    size,
    ...(seconds !== undefined && { seconds: String(seconds) }),
    ...(firstFrame !== undefined && { input_reference: { image_url: urlOf(firstFrame) } }),
  }
  return { path: '/videos', body: JSON.stringify(body), dropped, passThrough: false }
}

function urlOf({ source, mediaType }: Image): string {
  if (source.case === 'data') return toDataUrl(source.value, pictureType(source.value) ?? (mediaType || 'image/png'))
  if (source.case === 'url') return source.value
  throw fail('invalid_request', 'the first frame has no picture', { param: 'first_frame' })
}

interface WireVideo {
  readonly id?: unknown
  readonly model?: unknown
  readonly status?: unknown
  readonly progress?: unknown
  readonly seconds?: unknown
  readonly size?: unknown
  readonly object?: unknown
  readonly error?: unknown
}

const statuses: Readonly<Record<string, JobStatus>> = {
  queued: JobStatus.QUEUED,
  in_progress: JobStatus.IN_PROGRESS,
  completed: JobStatus.COMPLETED,
  failed: JobStatus.FAILED,
}

function read(text: string): Video {
  const wire: WireVideo = parseObject(text, 'provider_error')
  const id = textOf(wire.id)
  const status = statuses[textOf(wire.status)]
  if (id === '' || status === undefined) {
    if (isObject(wire.error)) throw upstreamError(problemOf(wire))
    throw fail('provider_error', "the provider's answer is no video")
  }
  const { message, code } = isObject(wire.error) ? (wire.error as { message?: unknown; code?: unknown }) : {}
  const failed = status === JobStatus.FAILED
  return videoOf({
    id,
    model: textOf(wire.model),
    status,
    progress: Math.max(0, Math.min(100, Math.trunc(numberOf(wire.progress)))),
    seconds: Math.max(0, Number(wire.seconds) || 0),
    size: textOf(wire.size),
    ...(failed && {
      errorReason: textOf(code) || 'provider_error',
      errorMessage: scrub(textOf(message)) || 'the provider could not make the video',
    }),
  })
}
