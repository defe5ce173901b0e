import { CreateVideoRequestSchema, VideoSchema } from '#gen/switchyard/v1/video_pb.ts'
import { wholeOperation } from './whole.ts'

/** The beginning of a video: the call is over when the provider has taken it on. */
export const createVideo = wholeOperation({
  name: 'create_video',
  verb: 'make videos',
  slow: true,
  paidLater: true,
  wordless: true,
  request: CreateVideoRequestSchema,
  response: VideoSchema,
  offeredBy: (provider) => provider.createVideo !== undefined,
  ask: (provider, request, context) => provider.createVideo?.(request, context),
  lengthOf: () => 0,
})
