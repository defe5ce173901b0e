import { z } from 'zod'
import { type CreateVideoRequest, JobStatus, type Video } from '#gen/switchyard/v1/video_pb.ts'
import { fail } from '../../error/index.ts'
import { sourceOf } from '../../model/request.ts'
import { emptyVideoRequest, firstFrame } from '../../model/video.ts'
import type { JsonBody, OperationRoute, RequestFacts, Route } from '../contract.ts'
import type { Form } from '../form.ts'
import type { AskOf } from '../operation.ts'
import { limitType, pageLimit } from '../page-limit.ts'
import { linkedImage } from '../parts.ts'
import type { Surface } from '../surface.ts'
import { epochSeconds } from '../times.ts'
import { checkNoting } from '../untranslated.ts'
import { isOldestFirst, listOrder } from './list-order.ts'

/*
 * Videos, in two spellings: `/v1/videos/generations`, and OpenAI's own `/v1/videos`:
 * https://platform.openai.com/docs/api-reference/videos
 */

const reference = z.looseObject({
  image_url: z.string().nullish().describe('A URL, or a data: URL.'),
  file_id: z.string().nullish().describe('Not served: use image_url.'),
})

/** What both spellings ask. */
const videoRequest = z.looseObject({
  model: z.string().min(1).max(512),
  prompt: z.string().min(1).max(32_000),
  size: z
    .string()
    .regex(/^\d{2,5}x\d{2,5}$/, { error: 'must be like "1280x720"' })
    .nullish(),
  seconds: z
    .union([
      z.number().positive().max(3600),
      z.string().regex(/^\d{1,4}(?:\.\d+)?$/, { error: 'must be a number of seconds' }),
    ])
    .nullish(),
  input_reference: reference.nullish().describe('A picture to begin with.'),
  user: z.string().nullish(),
})

const videoGeneration = z.object({
  id: z.string(),
  object: z.literal('video.generation'),
  status: z.enum(['queued', 'in_progress', 'completed', 'failed', 'cancelled']),
  model: z.string(),
  created_at: z.int().describe('Seconds since 1970.'),
  progress: z.int().optional().describe('0 to 100.'),
  completed_at: z.int().optional(),
  data: z
    .array(z.object({ url: z.string() }))
    .optional()
    .describe('Where the video is, once it is completed.'),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
})

const videoResource = z.object({
  id: z.string(),
  object: z.literal('video'),
  model: z.string(),
  status: z.enum(['queued', 'in_progress', 'completed', 'failed']),
  progress: z.int(),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  expires_at: z.int().nullable(),
  prompt: z.string().nullable(),
  size: z.string(),
  seconds: z.string(),
  remixed_from_video_id: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
})

const videoResources = z.object({
  object: z.literal('list'),
  data: z.array(videoResource),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
})

const deletedVideo = z.object({ id: z.string(), object: z.literal('video.deleted'), deleted: z.literal(true) })

/** As providers make videos, the simulator among them. */
const videoTypes = ['video/mp4', 'video/webm', 'video/quicktime', 'video/x-msvideo'] as const

const videoBytes = z.string().meta({ format: 'binary' })

function decode(value: JsonBody['value']): CreateVideoRequest {
  const { wire, untranslated } = checkNoting(videoRequest, value)
  const request = emptyVideoRequest(wire.model, wire.prompt)
  if (wire.size != null) request.size = wire.size
  if (wire.seconds != null) request.seconds = secondsOf(wire.seconds)
  if (wire.user != null) request.user = wire.user
  if (wire.input_reference != null) {
    const { image_url: url } = wire.input_reference
    if (url == null) {
      const message = 'input_reference.image_url is required: a file_id is not taken here'
      throw fail('invalid_request', message, { param: 'input_reference.image_url' })
    }
    const { kind } = linkedImage(url, '', 'input_reference.image_url')
    if (kind.case === 'image') request.firstFrame = kind.value
  }
  request.source = sourceOf('openai', '', untranslated)
  return request
}

function secondsOf(given: number | string): number {
  const seconds = Number(given)
  if (seconds > 0 && seconds <= 3600) return seconds
  throw fail('invalid_request', 'seconds: must be above 0 and at most 3600', { param: 'seconds' })
}

async function decodeForm({ fields, files }: Form): Promise<CreateVideoRequest> {
  const request = decode(Object.fromEntries(fields) as JsonBody['value'])
  const file = files.get('input_reference')
  if (file === undefined) return request
  if (!file.mediaType.startsWith('image/'))
    throw fail('unsupported_media_type', 'input_reference: must be a picture', { param: 'input_reference' })
  request.firstFrame = firstFrame(await file.read(), file.mediaType)
  return request
}

function asking(request: CreateVideoRequest, written: (video: Video) => object): AskOf<'create_video'> {
  return {
    operation: 'create_video',
    request,
    streaming: false,
    answer: { whole: (video) => JSON.stringify(written(video)) },
  }
}

/** Where videos are begun. */
export const videoCalls: readonly OperationRoute[] = [
  {
    path: '/v1/videos/generations',
    summary: 'Begins a video, which is then asked for by its id',
    operation: 'create_video',
    request: videoRequest,
    response: videoGeneration,
    decode: ({ value }) => asking(decode(value), (video) => encodeGeneration(video, [])),
  },
  {
    path: '/v1/videos',
    summary: 'Begins a video, as OpenAI has it',
    operation: 'create_video',
    request: videoRequest,
    response: videoResource,
    decode: ({ value }) => asking(decode(value), encodeResource),
    form: {
      files: ['input_reference'],
      alone: false,
      decode: async (form) => asking(await decodeForm(form), encodeResource),
    },
  },
]

type Word = z.infer<typeof videoGeneration>['status']

const words: ReadonlyMap<JobStatus, Word> = new Map([
  [JobStatus.IN_PROGRESS, 'in_progress'],
  [JobStatus.COMPLETED, 'completed'],
  [JobStatus.FAILED, 'failed'],
  [JobStatus.CANCELLED, 'cancelled'],
])

function wordOf({ status }: Video): Word {
  return words.get(status) ?? 'queued'
}

function encodeGeneration(video: Video, urls: readonly string[]): z.infer<typeof videoGeneration> {
  const { id, model, status, progress, created, completed, errorReason, errorMessage } = video
  return {
    id,
    object: 'video.generation',
    status: wordOf(video),
    model,
    created_at: created === undefined ? 0 : epochSeconds(created),
    ...(status !== JobStatus.QUEUED && { progress }),
    ...(completed !== undefined && { completed_at: epochSeconds(completed) }),
    ...(status === JobStatus.COMPLETED && { data: urls.map((url) => ({ url })) }),
    ...(errorReason !== '' && { error: { code: errorReason, message: errorMessage } }),
  }
}

/** OpenAI knows no cancelled video: one has failed, and says why. */
function encodeResource(video: Video): z.infer<typeof videoResource> {
  const { id, model, status, progress, created, completed, expires, size } = video
  const cancelled = status === JobStatus.CANCELLED
  const code = cancelled ? 'cancelled' : video.errorReason
  const message = cancelled ? 'the video was cancelled' : video.errorMessage
  const word = wordOf(video)
  return {
    id,
    object: 'video',
    model,
    status: word === 'cancelled' ? 'failed' : word,
    progress,
    created_at: created === undefined ? 0 : epochSeconds(created),
    completed_at: completed === undefined ? null : epochSeconds(completed),
    expires_at: expires === undefined ? null : epochSeconds(expires),
    prompt: null,
    size,
    seconds: String(video.seconds),
    remixed_from_video_id: null,
    error: code === '' ? null : { code, message },
  }
}

const idOf = ({ params }: RequestFacts): string => params['id'] ?? ''

async function generation(video: Video, { origin }: RequestFacts, { files }: Surface): Promise<object> {
  const urls = await Promise.all(video.files.map(({ url }) => files.link(url, origin?.())))
  return encodeGeneration(video, urls)
}

/** Forgets a video; one that is still being made is ended first. */
async function remove(facts: RequestFacts, { videos }: Surface): Promise<object> {
  await videos.cancel(idOf(facts))
  return { id: await videos.remove(idOf(facts)), object: 'video.deleted', deleted: true }
}

const listed = { usual: 20, most: 100 }

async function list({ query }: RequestFacts, { videos }: Surface): Promise<object> {
  const limit = pageLimit(query, listed)
  const oldestFirst = isOldestFirst(query)
  const page = await videos.list({ limit, cursor: '', after: query.get('after') ?? '', oldestFirst })
  const data = page.videos.map(encodeResource)
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: page.nextCursor !== '',
  }
}

/** OpenAI has pictures of a video beside it, at the same path. */
function requireVideo({ query }: RequestFacts): void {
  if ((query.get('variant') || 'video') === 'video') return
  throw fail('unsupported_field', 'variant: only the video itself is served here', { param: 'variant' })
}

/** What is the same in both spellings, at the path of a video. */
function bothSpellings(path: string): readonly Route[] {
  return [
    {
      method: 'GET',
      path: `${path}/content`,
      summary: 'The bytes of a video, or a range of them',
      permission: 'models:use',
      response: videoBytes,
      sends: 'file',
      produces: videoTypes,
      answer(facts, { videos }) {
        requireVideo(facts)
        return videos.content(idOf(facts))
      },
    },
    {
      method: 'DELETE',
      path,
      summary: 'Forgets a video, and its bytes',
      permission: 'models:use',
      response: deletedVideo,
      answer: remove,
    },
  ]
}

/** What may be asked of videos that were begun. */
export const videoRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/videos/generations/:id',
    summary: 'How far a video is, and where it is when it is completed',
    permission: 'models:use',
    response: videoGeneration,
    answer: async (facts, surface) => generation(await surface.videos.get(idOf(facts)), facts, surface),
  },
  {
    method: 'POST',
    path: '/v1/videos/generations/:id/cancel',
    summary: 'Ends a video that is still being made',
    permission: 'models:use',
    response: videoGeneration,
    answer: async (facts, surface) => generation(await surface.videos.cancel(idOf(facts)), facts, surface),
  },
  ...bothSpellings('/v1/videos/generations/:id'),
  {
    method: 'GET',
    path: '/v1/videos',
    summary: 'Videos, newest first unless said otherwise',
    permission: 'models:use',
    query: {
      after: z.string().describe('id of the video to begin behind'),
      limit: limitType(listed),
      order: listOrder,
    },
    response: videoResources,
    answer: list,
  },
  {
    method: 'GET',
    path: '/v1/videos/:id',
    summary: 'How far a video is',
    permission: 'models:use',
    response: videoResource,
    answer: async (facts, { videos }) => encodeResource(await videos.get(idOf(facts))),
  },
  ...bothSpellings('/v1/videos/:id'),
]
