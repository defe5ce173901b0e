import type { Image } from '#gen/switchyard/v1/chat_pb.ts'
import { type CreateVideoRequest, JobStatus, type Video } from '#gen/switchyard/v1/video_pb.ts'

/** A request for a video that asks nothing yet but of a model. */
export function emptyVideoRequest(model: string, prompt: string, provider = ''): CreateVideoRequest {
  return { $typeName: 'switchyard.v1.CreateVideoRequest', model, provider, prompt, strict: false }
}

/** A video of which nothing else is told. */
export function videoOf(fields: Partial<Omit<Video, '$typeName' | '$unknown'>>): Video {
  return {
    $typeName: 'switchyard.v1.Video',
    id: '',
    model: '',
    status: JobStatus.QUEUED,
    progress: 0,
    files: [],
    errorReason: '',
    errorMessage: '',
    dropped: [],
    upstreamRequestId: '',
    seconds: 0,
    size: '',
    ...fields,
  }
}

/** Whether a video is still being made. */
export function isBeingMade({ status }: Pick<Video, 'status'>): boolean {
  return status === JobStatus.QUEUED || status === JobStatus.IN_PROGRESS || status === JobStatus.UNSPECIFIED
}

/** Longer than any video is: seconds of a day. */
const longestSeconds = 86_400

/** How long a video is as its maker tells: 0 where that is no length of a video, as where it is not told. */
export function toldSeconds({ seconds }: Pick<Video, 'seconds'>): number {
  return seconds > 0 && seconds <= longestSeconds ? seconds : 0
}

/** How far a video is as its maker tells, as a whole number from 0 to 100. */
export function toldProgress({ progress }: Pick<Video, 'progress'>): number {
  return Math.max(0, Math.min(100, Math.trunc(progress) || 0))
}

/** A size as a maker tells it, such as "1280x720"; empty where it is none. */
export function toldSize({ size }: Pick<Video, 'size'>): string {
  return /^\d{1,5}x\d{1,5}$/.test(size) ? size : ''
}

/** A picture that a video begins with, as bytes. */
export function firstFrame(value: Uint8Array<ArrayBuffer>, mediaType: string): Image {
  return { $typeName: 'switchyard.v1.Image', source: { case: 'data', value }, mediaType, detail: '' }
}
