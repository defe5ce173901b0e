import { CreateVideoRequestSchema, VideoSchema } from '#gen/switchyard/v1/video_pb.ts'
import { fail } from '../../error/index.ts'
import type { VideoInit } from '../../provider/contract.ts'
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
  ask: (provider, request, context) => named(provider.createVideo?.(request, context)),
  lengthOf: () => 0,
})

/** An id that a video can be asked for by, later. */
const nameShape = /^[\x21-\x7e]{1,2048}$/

/** What a provider took on. Throws `provider_error` where it says no name that it could be asked for by. */
async function named(answer: Promise<VideoInit> | undefined): Promise<VideoInit | undefined> {
  const begun = await answer
  if (nameShape.test(begun?.id ?? '')) return begun
  throw fail('provider_error', "the provider's answer names no video")
}
