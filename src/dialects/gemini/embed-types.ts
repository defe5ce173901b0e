import { z } from 'zod'
import { content } from './types.ts'

/** Most texts of one request. */
export const mostTexts = 100

const dimensions = z.int().min(1).max(0xffff_ffff).nullish()

/** Body of `POST /v1beta/models/*:embedContent`, in lowerCamelCase. */
export const embedContentRequest = z.looseObject({
  model: z.string().nullish(),
  content,
  taskType: z.string().nullish(),
  outputDimensionality: dimensions,
})

/** Body of `POST /v1beta/models/*:batchEmbedContents`, in lowerCamelCase. */
export const batchEmbedContentsRequest = z.looseObject({ requests: z.array(embedContentRequest).min(1).max(2048) })

/** One text and what is wanted of it. */
export type EmbedContentRequest = z.infer<typeof embedContentRequest>

const vector = z.looseObject({ values: z.array(z.number()) })
const usage = z.looseObject({ promptTokenCount: z.int().optional() }).optional()

/** Body of an answer to one text. */
export const embedContentResponse = z.looseObject({ embedding: vector, usageMetadata: usage })

/** Body of an answer to several. */
export const batchEmbedContentsResponse = z.looseObject({ embeddings: z.array(vector), usageMetadata: usage })

/** An answer as Google sends it: nothing is certain. */
export interface WireEmbeddings {
  readonly embedding?: { readonly values?: unknown } | null
  readonly embeddings?: readonly ({ readonly values?: unknown } | null)[] | null
  readonly usageMetadata?: { readonly promptTokenCount?: unknown } | null
}
