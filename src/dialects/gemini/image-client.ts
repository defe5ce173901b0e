import type { GeneratedImage, GenerateImagesRequest, GenerateImagesResponse } from '#gen/switchyard/v1/image_pb.ts'
import type { EncodedCall, UpstreamAnswer, WholeDialect } from '../client-operations.ts'
import {
  imagesResponse,
  inlinePicture,
  joinImages,
  refuseLinks,
  splitImages,
  uncarriedImageOptions,
} from '../pictures.ts'
import { isObject, objectsOf, textOf } from '../scalars.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { parseObject } from '../wire-object.ts'
import { type GeminiOptions, resourceOf } from './encode-request.ts'
import { aspectOf, aspectOfLater, imageModelAspects, imagenAspects } from './image-aspects.ts'
import type { WireAnswer } from './types.ts'
import { hasCounts, usageOf } from './usage.ts'
import { requireAnswer, withheld } from './withheld.ts'

/** How Google makes images: Imagen by `:predict`, and Gemini by a chat that answers with one. */
export const images: WholeDialect<'generate_images', GeminiOptions> = {
  split: (request) => (isImagen(request.model) ? [request] : splitImages(request)),
  join: joinImages,
  encode: (request, options) =>
    isImagen(request.model) ? encodePredict(request, options) : encodeChat(request, options),
  decode: (answer, { path, dropped }) =>
    path.endsWith(':predict') ? decodePredictions(answer, dropped) : decodeChat(answer, dropped),
}

function isImagen(model: string): boolean {
  return /(?:^|\/)imagen/.test(model)
}

/** Whether it is an image model after version 2.5, which has a choice of resolutions. */
function isLater(model: string): boolean {
  return /\bgemini-(?:[3-9]|\d\d)/.test(model)
}

/** What Imagen can be told to write. */
const written: Readonly<Record<string, string>> = { png: 'image/png', jpeg: 'image/jpeg' }

function encodePredict(request: GenerateImagesRequest, options: GeminiOptions): EncodedCall {
  refuseLinks(request)
  const { model, prompt, n, outputFormat, outputCompression } = request
  const mimeType = outputFormat === undefined ? undefined : written[outputFormat]
  const { aspectRatio, exact } = aspectOf(request.size, imagenAspects)
  const outputOptions = {
    ...(mimeType !== undefined && { mimeType }),
    ...(mimeType === 'image/jpeg' && outputCompression !== undefined && { compressionQuality: outputCompression }),
  }
  const parameters = {
    sampleCount: n ?? 1,
    ...(aspectRatio !== undefined && { aspectRatio }),
    ...(Object.keys(outputOptions).length > 0 && { outputOptions }),
    includeRaiReason: true,
  }
  const dropped = [
    ...(request.source?.untranslated ?? []),
    ...uncarriedImageOptions(request, [
      ...(exact ? (['size'] as const) : []),
      ...(mimeType === undefined ? [] : (['output_format'] as const)),
      ...(mimeType === 'image/jpeg' ? (['output_compression'] as const) : []),
    ]),
  ]
  return {
    path: `/${options.apiVersion}/${resourceOf(model, options)}:predict`,
    body: JSON.stringify({ instances: [{ prompt }], parameters }),
    dropped,
    passThrough: false,
  }
}

interface WirePrediction {
  readonly bytesBase64Encoded?: unknown
  readonly mimeType?: unknown
  readonly prompt?: unknown
  readonly raiFilteredReason?: unknown
}

function decodePredictions({ text }: UpstreamAnswer, dropped: readonly string[]): GenerateImagesResponse {
  const wire = parseObject(text, 'provider_error') as { error?: unknown; predictions?: WirePrediction[] | null }
  if (wire.error != null) throw upstreamError(problemOf(wire))
  const predictions = objectsOf(wire.predictions)
  // Beside the images there may be what was thought of the prompt.
  const made = predictions.flatMap(({ bytesBase64Encoded, mimeType, prompt }) => {
    const base64 = textOf(bytesBase64Encoded)
    return base64 === '' ? [] : [inlinePicture(base64, textOf(mimeType), textOf(prompt))]
  })
  const reason = predictions.map(({ raiFilteredReason }) => textOf(raiFilteredReason)).find((one) => one !== '')
  if (made.length === 0 && reason !== undefined) throw withheld(reason)
  return imagesResponse(made, dropped)
}

function encodeChat(request: GenerateImagesRequest, options: GeminiOptions): EncodedCall {
  refuseLinks(request)
  const { exact, ...imageConfig } = isLater(request.model)
    ? aspectOfLater(request.size)
    : aspectOf(request.size, imageModelAspects)
  const png = request.outputFormat === 'png'
  const generationConfig = {
    responseModalities: ['TEXT', 'IMAGE'],
    ...(Object.keys(imageConfig).length > 0 && { imageConfig }),
  }
  return {
    path: `/${options.apiVersion}/${resourceOf(request.model, options)}:generateContent`,
    body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: request.prompt }] }], generationConfig }),
    dropped: [
      ...(request.source?.untranslated ?? []),
      ...uncarriedImageOptions(request, [
        ...(exact ? (['size'] as const) : []),
        ...(png ? (['output_format'] as const) : []),
      ]),
    ],
    passThrough: false,
  }
}

function decodeChat({ text }: UpstreamAnswer, dropped: readonly string[]): GenerateImagesResponse {
  const wire = parseObject(text, 'provider_error') as WireAnswer
  requireAnswer(wire)
  const parts = objectsOf(wire.candidates).flatMap(({ content }) => objectsOf(content?.parts))
  const made = parts.flatMap(({ inlineData, thought }): GeneratedImage[] => {
    const base64 = thought === true ? '' : textOf(inlineData?.data)
    return base64 === '' ? [] : [inlinePicture(base64, textOf(inlineData?.mimeType))]
  })
  const { usageMetadata } = wire
  return Object.assign(imagesResponse(made, dropped), {
    model: textOf(wire.modelVersion),
    ...(isObject(usageMetadata) && hasCounts(usageMetadata) && { usage: usageOf(usageMetadata) }),
  })
}
