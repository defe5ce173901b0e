import { GenerateImagesRequestSchema, GenerateImagesResponseSchema } from '#gen/switchyard/v1/image_pb.ts'
import { wholeOperation } from './whole.ts'

/** Images from a description. */
export const generateImages = wholeOperation({
  name: 'generate_images',
  verb: 'make images',
  slow: true,
  wordless: true,
  request: GenerateImagesRequestSchema,
  response: GenerateImagesResponseSchema,
  offeredBy: (provider) => provider.generateImages !== undefined,
  ask: (provider, request, context) => provider.generateImages?.(request, context),
  lengthOf: ({ prompt }) => prompt.length,
  units: (_request, { images }) => ({ images: images.length }),
})
