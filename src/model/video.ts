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

/** A picture that a video begins with, as bytes. */
export function firstFrame(value: Uint8Array<ArrayBuffer>, mediaType: string): Image {
  return { $typeName: 'switchyard.v1.Image', source: { case: 'data', value }, mediaType, detail: '' }
}
