import { pixelsOf } from '../pictures.ts'

/** The shapes that a model can make, and how many pixels each has where nothing is said of them. */
type Aspects = Readonly<Record<string, string>>

/** Imagen's shapes, from its documentation. */
export const imagenAspects: Aspects = {
  '1:1': '1024x1024',
  '3:4': '896x1280',
  '4:3': '1280x896',
  '9:16': '768x1408',
  '16:9': '1408x768',
}

/** Shapes of Gemini's image models, from their documentation, with the sizes of version 2.5. */
export const imageModelAspects: Aspects = {
  '1:1': '1024x1024',
  '2:3': '832x1248',
  '3:2': '1248x832',
  '3:4': '864x1184',
  '4:3': '1184x864',
  '4:5': '896x1152',
  '5:4': '1152x896',
  '9:16': '768x1344',
  '16:9': '1344x768',
  '21:9': '1536x672',
}

/** A shape, and whether it is of the very size that was asked for. */
export interface Aspect {
  readonly aspectRatio?: string
  /** What a resolution above the usual is called. */
  readonly imageSize?: string
  readonly exact: boolean
}

/** The shape nearest to a size, which may also be given as a shape; none where no size is asked for, or one that is no size. */
export function aspectOf(size: string | undefined, aspects: Aspects): Aspect {
  if (size === undefined || size === 'auto') return { exact: true }
  if (Object.hasOwn(aspects, size)) return { aspectRatio: size, exact: true }
  const wanted = pixelsOf(size)
  if (wanted === undefined) return { exact: false }
  const distance = (shape: string): number => {
    const [width = 1, height = 1] = shape.split(':').map(Number)
    return Math.abs(Math.log((wanted.width * height) / (wanted.height * width)))
  }
  const [nearest = '1:1'] = Object.keys(aspects).toSorted((one, other) => distance(one) - distance(other))
  return { aspectRatio: nearest, exact: aspects[nearest] === size }
}

/** Sides of the squares that later models make, with what their resolution is called; the first is the usual one. */
const squares: readonly (readonly [side: number, imageSize: string | undefined])[] = [
  [1024, undefined],
  [2048, '2K'],
  [4096, '4K'],
]

/**
 * The shape and the resolution nearest to a size, for image models after version 2.5. They are said to be exact of squares alone, since other
 * shapes have sizes of their own in each model.
 */
export function aspectOfLater(size: string | undefined): Aspect {
  const { aspectRatio, exact } = aspectOf(size, imageModelAspects)
  const wanted = pixelsOf(size)
  if (wanted === undefined || aspectRatio === undefined)
    return { ...(aspectRatio !== undefined && { aspectRatio }), exact }
  const side = Math.sqrt(wanted.width * wanted.height)
  const distance = ([one]: (typeof squares)[number]): number => Math.abs(Math.log(side / one))
  const [nearest] = squares.toSorted((one, other) => distance(one) - distance(other))
  const [, imageSize] = nearest ?? []
  const isSquare = wanted.width === wanted.height && wanted.width === nearest?.[0]
  return { aspectRatio, ...(imageSize !== undefined && { imageSize }), exact: isSquare }
}
