import { Buffer } from 'node:buffer'
import {
  type CreateVideoRequest,
  type DownloadVideoInit,
  type DownloadVideoRequest,
  fail,
  type GetVideoRequest,
  JobStatus,
  refuseDropped,
  type VideoInit,
} from '#provider'

/** What a simulated video is known by: all there is to know of it, so that nothing has to be remembered. */
interface Job {
  /** When it began, milliseconds since the epoch, and how long it takes. */
  readonly began: number
  readonly takes: number
  readonly seconds: number
  readonly width: number
  readonly height: number
  readonly fails: boolean
}

const mostPixels = 1920 * 1080
const longest = 20

/** Reads `video`, and its parameters: `ms` until it is there, and `fail`; `echo` is there at once. Throws `model_not_found` and `invalid_request`. */
function readVideoModel(name: string): Pick<Job, 'takes' | 'fails'> {
  const [base = '', ...rest] = name.split('?')
  if (base === 'echo') return { takes: 0, fails: false }
  if (base !== 'video') {
    const message = `the simulator makes videos with the models "video" and "echo" alone, not "${base}"`
    throw fail('model_not_found', message, { param: 'model' })
  }
  const parameters = new URLSearchParams(rest.join('?'))
  for (const key of parameters.keys())
    if (key !== 'ms' && key !== 'fail')
      throw fail('invalid_request', `the simulated model "video" has no parameter "${key}"`, { param: 'model' })
  const takes = Number(parameters.get('ms') ?? 0)
  if (!(takes >= 0 && takes <= 3_600_000))
    throw fail('invalid_request', '"ms" of a simulated model is a number from 0 to 3600000', { param: 'model' })
  return { takes, fails: parameters.has('fail') }
}

/** Begins a video, which is there after the time that its model's name says. */
export async function createVideo(request: CreateVideoRequest): Promise<VideoInit> {
  const { takes, fails } = readVideoModel(request.model)
  const dropped = [
    ...(request.source?.untranslated ?? []),
    ...(request.firstFrame === undefined ? [] : ['first_frame']),
  ]
  refuseDropped(request, dropped)
  const [width = 0, height = 0] = (request.size ?? '64x36').split('x').map(Number)
  const seconds = request.seconds ?? 1
  if (!(width >= 2 && height >= 2 && width * height <= mostPixels))
    throw fail('invalid_request', `size: at most ${mostPixels} simulated pixels, such as 1280x720`, { param: 'size' })
  if (seconds > longest)
    throw fail('invalid_request', `seconds: at most ${longest} are simulated`, { param: 'seconds' })
  const job: Job = { began: Date.now(), takes, seconds, width, height, fails }
  const id = Buffer.from(JSON.stringify(job)).toString('base64url')
  return { id, model: request.model, status: JobStatus.QUEUED, seconds, size: `${width}x${height}`, dropped }
}

function jobOf(id: string): Job {
  try {
    return JSON.parse(Buffer.from(id, 'base64url').toString()) as Job
  } catch {
    throw fail('not_found', 'the simulator has no such video')
  }
}

/** How far a video is, by the clock. */
export async function getVideo({ id }: GetVideoRequest): Promise<VideoInit> {
  const { began, takes, seconds, width, height, fails } = jobOf(id)
  const part = takes === 0 ? 1 : (Date.now() - began) / takes
  const known = { id, seconds, size: `${width}x${height}` }
  if (part < 1) return { ...known, status: JobStatus.IN_PROGRESS, progress: Math.floor(part * 100) }
  if (!fails) return { ...known, status: JobStatus.COMPLETED, progress: 100 }
  const problem = { errorReason: 'content_filter', errorMessage: '[simulated] the video was withheld' }
  return { ...known, status: JobStatus.FAILED, ...problem }
}

/** The bytes of a video: a bar that moves through plain pictures, in an AVI file without compression. */
export async function* downloadVideo({ id }: DownloadVideoRequest): AsyncGenerator<DownloadVideoInit, void, void> {
  const { seconds, width, height } = jobOf(id)
  const frames = Math.max(1, Math.round(seconds * framesPerSecond))
  const size = frameBytes(width, height)
  yield { data: head(width, height, frames), mediaType: 'video/x-msvideo' }
  for (let frame = 0; frame < frames; frame++) {
    yield { data: Buffer.concat([chunkHead('00db', size), drawn(width, height, frame / frames)]) }
  }
}

const framesPerSecond = 2

/** Rows of a byte a pixel, each filled up to a multiple of four. */
function frameBytes(width: number, height: number): number {
  return Math.ceil(width / 4) * 4 * height
}

function drawn(width: number, height: number, part: number): Buffer {
  const stride = frameBytes(width, 1)
  const picture = Buffer.alloc(stride * height)
  const bar = Math.floor(part * width)
  for (let row = 0; row < height; row++) picture[row * stride + bar] = 1
  return picture
}

function chunkHead(name: string, size: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.write(name, 'latin1')
  bytes.writeUInt32LE(size, 4)
  return bytes
}

function chunk(name: string, content: Buffer): Buffer {
  return Buffer.concat([chunkHead(name, content.length), content])
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4)
  return bytes
}

/** Everything before the pictures: https://learn.microsoft.com/windows/win32/directshow/avi-riff-file-reference */
function head(width: number, height: number, frames: number): Buffer {
  const size = frameBytes(width, height)
  const main = numbers(
    1e6 / framesPerSecond,
    size * framesPerSecond,
    0,
    0,
    frames,
    0,
    1,
    size,
    width,
    height,
    0,
    0,
    0,
    0,
  )
  const text = Buffer.from('vidsDIB ')
  const stream = Buffer.concat([text, numbers(0, 0, 0, 1, framesPerSecond, 0, frames, size, 0, 0, 0, 0)])
  // Two colours, each as blue, green and red.
  const format = Buffer.concat([
    numbers(40, width, height, 1 | (8 << 16), 0, size, 0, 0, 2, 0),
    numbers(0x303030, 0xe0e0e0),
  ])
  const list = (name: string, ...chunks: Buffer[]): Buffer =>
    chunk('LIST', Buffer.concat([Buffer.from(name), ...chunks]))
  const headers = list('hdrl', chunk('avih', main), list('strl', chunk('strh', stream), chunk('strf', format)))
  const pictures = 4 + frames * (8 + size)
  const movie = Buffer.concat([chunkHead('LIST', pictures), Buffer.from('movi')])
  return Buffer.concat([chunkHead('RIFF', 4 + headers.length + 8 + pictures), Buffer.from('AVI '), headers, movie])
}
