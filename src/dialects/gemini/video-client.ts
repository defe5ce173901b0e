import { type CreateVideoRequest, JobStatus, type Video } from '#gen/switchyard/v1/video_pb.ts'
import { fail } from '../../error/index.ts'
import { pictureType } from '../../model/picture.ts'
import { isBeingMade, videoOf } from '../../model/video.ts'
import type { EncodedCall, UpstreamAnswer, VideoDialect } from '../client-operations.ts'
import { encodeBase64 } from '../parts.ts'
import { isObject, listOf, objectsOf, textOf } from '../scalars.ts'
import { scrub } from '../scrub.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { parseObject } from '../wire-object.ts'
import { type GeminiOptions, resourceOf } from './encode-request.ts'

/** How videos are made by Google's Veo, as a long-running operation: https://ai.google.dev/gemini-api/docs/video */
export const video: VideoDialect<GeminiOptions> = {
  encode,
  decode: (answer, { dropped, body }) => {
    const begun = read(answer)
    const status = isBeingMade(begun) ? JobStatus.QUEUED : begun.status
    return { ...begun, status, seconds: secondsAsked(body), dropped: [...dropped] }
  },
  encodeGet: (id, { apiVersion }) => ({ path: `/${apiVersion}/${operationOf(id)}` }),
  decodeGet: (answer) => read(answer),
}

/** What the sizes are called, by their pixels. The smaller ones are the usual: Veo 2 has no others, and no word for them. */
const sizes: Readonly<Record<string, { readonly aspectRatio: string; readonly resolution?: string }>> = {
  '1280x720': { aspectRatio: '16:9' },
  '720x1280': { aspectRatio: '9:16' },
  '1920x1080': { aspectRatio: '16:9', resolution: '1080p' },
  '1080x1920': { aspectRatio: '9:16', resolution: '1080p' },
}

/** How long a video is of which nobody says it: what every Veo can make. It is asked for, since an operation does not tell, and is paid by it. */
const usualSeconds = 8

function encode(request: CreateVideoRequest, options: GeminiOptions): EncodedCall {
  const { model, prompt, size, seconds = usualSeconds, firstFrame, user, source } = request
  const shape = size === undefined ? undefined : sizes[size]
  if (size !== undefined && shape === undefined) {
    const message = `size: the provider of this model makes ${Object.keys(sizes).join(', ')}`
    throw fail('unsupported_field', message, { param: 'size' })
  }
  const dropped = [...(source?.untranslated ?? []), ...(user === undefined ? [] : ['user'])]
  const frame = firstFrame?.source
  if (frame?.case === 'url') {
    throw fail('unsupported_field', 'first_frame: the provider of this model takes bytes alone, and no URL', {
      param: 'first_frame',
    })
  }
  const image =
    frame?.case === 'data'
      ? { bytesBase64Encoded: encodeBase64(frame.value), mimeType: typeOf(frame.value, firstFrame?.mediaType) }
      : undefined
  const parameters = { ...shape, durationSeconds: seconds }
  return {
    path: `/${options.apiVersion}/${resourceOf(model, options)}:predictLongRunning`,
    body: JSON.stringify({ instances: [{ prompt, ...(image !== undefined && { image }) }], parameters }),
    dropped,
    passThrough: false,
  }
}

/** What the bytes of a picture tell, else what they are called. */
function typeOf(bytes: Uint8Array, called: string | undefined): string {
  return pictureType(bytes) ?? (called || 'image/png')
}

/** How long the video shall be that was asked for. */
function secondsAsked(body: EncodedCall['body']): number {
  const { parameters } = JSON.parse(String(body)) as { parameters: { durationSeconds: number } }
  return parameters.durationSeconds
}

/** The name of an operation, which becomes a path: nothing else may. Throws `provider_error`. */
function operationOf(name: string): string {
  if (/^(?:[\w.-]+\/){0,8}operations\/[\w.-]+$/.test(name) && !name.includes('..')) return name
  throw fail('provider_error', "the provider's answer names no operation")
}

interface WireOperation {
  readonly name?: unknown
  readonly done?: unknown
  readonly error?: unknown
  readonly response?: {
    readonly generateVideoResponse?: {
      readonly generatedSamples?: readonly (WireSample | null)[] | null
      readonly raiMediaFilteredReasons?: readonly unknown[] | null
    } | null
  } | null
}

interface WireSample {
  readonly video?: { readonly uri?: unknown; readonly encodedVideo?: unknown; readonly encoding?: unknown } | null
}

function read({ text }: UpstreamAnswer): Video {
  const wire: WireOperation = parseObject(text, 'provider_error')
  if (textOf(wire.name) === '' && isObject(wire.error)) throw upstreamError(problemOf(wire))
  const id = operationOf(textOf(wire.name))
  if (wire.done !== true) return videoOf({ id, status: JobStatus.IN_PROGRESS })
  if (isObject(wire.error)) {
    const { message } = problemOf(wire)
    return failed(id, 'provider_error', scrub(message) || 'the provider could not make the video')
  }
  const made = wire.response?.generateVideoResponse
  const urls = objectsOf(made?.generatedSamples).map(({ video: one }) => {
    const { uri, encodedVideo, encoding } = one ?? {}
    const type = textOf(encoding) || 'video/mp4'
    const inline = textOf(encodedVideo)
    return { url: inline === '' ? textOf(uri) : `data:${type};base64,${inline}`, type }
  })
  const files = urls
    .filter(({ url }) => url !== '')
    .map(({ url, type }) => ({ $typeName: 'switchyard.v1.VideoFile' as const, url, mediaType: type }))
  if (files.length > 0) return videoOf({ id, status: JobStatus.COMPLETED, progress: 100, files })
  const [why] = listOf(made?.raiMediaFilteredReasons)
  if (textOf(why) !== '') return failed(id, 'content_filter', scrub(textOf(why)))
  return failed(id, 'provider_error', 'the provider ended without a video')
}

function failed(id: string, errorReason: string, errorMessage: string): Video {
  return videoOf({ id, status: JobStatus.FAILED, errorReason, errorMessage })
}
