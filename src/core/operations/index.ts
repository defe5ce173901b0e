import type { OperationName } from '../../dialects/operation.ts'
import type { Operation } from '../operation.ts'
import { chat } from './chat.ts'
import { createVideo } from './create-video.ts'
import { embed } from './embed.ts'
import { generateImages } from './generate-images.ts'
import { generate } from './generate.ts'
import { infer } from './infer.ts'
import { synthesize } from './synthesize.ts'
import { transcribe } from './transcribe.ts'

/** Every operation that goes the way of a call. */
export const operations: { readonly [Name in OperationName]: Operation<Name> } = {
  chat,
  generate,
  embed,
  generate_images: generateImages,
  transcribe,
  synthesize,
  create_video: createVideo,
  infer,
}
