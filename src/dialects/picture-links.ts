import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { StoredFileSchema } from '#gen/switchyard/v1/batch_pb.ts'
import type { Image } from '#gen/switchyard/v1/chat_pb.ts'
import type { GeneratedImage, GenerateImagesResponse } from '#gen/switchyard/v1/image_pb.ts'
import type { RequestFacts } from './contract.ts'
import type { KeptFiles, WholeAnswer } from './operation.ts'

/** How long images are kept that a client wants links to: milliseconds. A link to one ends earlier. */
const keptMs = 86_400_000

/** For clients that want links: images that come as bytes are kept, and led to. Those that the provider links to stay as they are. */
export function linking(origin: RequestFacts['origin']): Required<Pick<WholeAnswer<'generate_images'>, 'prepare'>> {
  return {
    async prepare(response, files) {
      if (!response.images.some(({ image }) => image?.source.case === 'data')) return response
      const images: GeneratedImage[] = []
      for (const one of response.images) images.push(await linkedTo(one, files, origin?.()))
      // What the upstream itself wrote has the bytes in it.
      return { ...response, images, raw: '', rawDialect: '' } satisfies GenerateImagesResponse
    },
  }
}

async function linkedTo(one: GeneratedImage, files: KeptFiles, origin: string | undefined): Promise<GeneratedImage> {
  const { image } = one
  if (image?.source.case !== 'data') return one
  const value = await keep(image.source.value, image.mediaType, files, origin)
  const linked: Image = { ...image, source: { case: 'url', value } }
  return { ...one, image: linked }
}

async function keep(
  bytes: Uint8Array,
  mediaType: string,
  files: KeptFiles,
  origin: string | undefined,
): Promise<string> {
  const name = `image.${mediaType.replace(/^image\//, '')}`
  const expires = timestampFromMs(Date.now() + keptMs)
  const facts = create(StoredFileSchema, { name, mediaType, size: BigInt(bytes.length), expires })
  const { id } = await files.upload(facts, pieceOf(bytes))
  return await files.link(id, origin)
}

async function* pieceOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes
}
