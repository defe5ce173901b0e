import { hash } from 'node:crypto'
import {
  type CallContext,
  fail,
  type GenerateImagesInit,
  type GenerateImagesRequest,
  pixelsOf,
  refuseDropped,
  refuseLinks,
  uncarriedImageOptions,
  usage,
} from '#provider'
import { failAtOnce, suffer } from './faults.ts'
import { readModel } from './models.ts'
import { cells, type Colour, drawPng } from './png.ts'
import { tokensOf } from './tokens.ts'

/** The most images of one answer. */
const mostImages = 10
/** The most pixels on a side, so that nobody fills the memory with nonsense. */
const mostPixels = 2048

/** Draws what was asked for: equal prompts get equal pictures. A model with a fault has it here as well, before anything is drawn. */
export async function generateImages(
  request: GenerateImagesRequest,
  { signal }: CallContext,
): Promise<GenerateImagesInit> {
  const { fault } = readModel(request.model)
  refuseLinks(request)
  const { width, height } = sizeOf(request)
  const count = countOf(request)
  const dropped = droppedOf(request)
  refuseDropped(request, dropped)
  await failAtOnce(fault, signal)
  if (fault !== undefined) await suffer(fault, signal)
  const images = Array.from({ length: count }, (_, index) => ({
    image: { source: { case: 'data' as const, value: draw(request, index, width, height) }, mediaType: 'image/png' },
    revisedPrompt: `[simulated] ${request.prompt}`,
  }))
  const imageOutputTokens = count * tokensOfImage(width, height)
  return {
    model: request.model,
    created: BigInt(Math.floor(Date.now() / 1000)),
    images,
    usage: usage({
      inputTokens: tokensOf(request.prompt).length,
      outputTokens: imageOutputTokens,
      imageOutputTokens,
      images: count,
    }),
    outputFormat: 'png',
    dropped,
  }
}

/** One for every square of sixty-four pixels that is touched. */
function tokensOfImage(width: number, height: number): number {
  return Math.ceil(width / 64) * Math.ceil(height / 64)
}

function sizeOf({ size }: GenerateImagesRequest): { width: number; height: number } {
  if (size === undefined || size === 'auto') return { width: 256, height: 256 }
  const asked = pixelsOf(size)
  if (asked !== undefined && asked.width <= mostPixels && asked.height <= mostPixels) return asked
  const message = `size: expected "auto", or width and height of at most ${mostPixels} pixels, such as 256x256`
  throw fail('invalid_request', message, { param: 'size' })
}

function countOf({ n = 1 }: GenerateImagesRequest): number {
  if (n <= mostImages) return n
  throw fail('invalid_request', `n: at most ${mostImages} images at once`, { param: 'n' })
}

/** Paths of what the client wants and the simulator has not got. Another format of file would not be what was asked for, so it is refused. */
function droppedOf(request: GenerateImagesRequest): string[] {
  const { outputFormat = 'png' } = request
  if (outputFormat !== 'png')
    throw fail('unsupported_field', 'output_format: the simulator draws png alone', { param: 'output_format' })
  return [...(request.source?.untranslated ?? []), ...uncarriedImageOptions(request, ['size', 'output_format'])]
}

/** A pattern that is the same on its left and its right, in two colours. */
function draw({ prompt, model }: GenerateImagesRequest, index: number, width: number, height: number): Uint8Array {
  const digest = Buffer.from(hash('sha256', JSON.stringify([model, prompt, index]), 'hex'), 'hex')
  const colour = (at: number): Colour => [digest[at] ?? 0, digest[at + 1] ?? 0, digest[at + 2] ?? 0]
  return drawPng(width, height, [colour(0), colour(3)], (column, row) => {
    const mirrored = Math.min(column, cells - 1 - column)
    return ((digest[6 + row] ?? 0) >> mirrored) & 1
  })
}
