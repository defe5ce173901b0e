import { z } from 'zod'

/*
 * The wire format of `/v1/images/generations`, as OpenAI's OpenAPI document 2.3.0 has it. Objects are loose: a field that is not
 * listed survives and is passed on. Words such as sizes and qualities are the provider's to judge, since every model has its own.
 */

const word = z.string().max(256).nullish()

/** Body of `POST /v1/images/generations`. */
export const imagesRequest = z.looseObject({
  model: z.string().min(1).max(512),
  prompt: z.string().min(1),
  n: z.int().min(1).max(10).nullish(),
  size: word.describe('Width and height, such as 1024x1024, or auto.'),
  quality: word,
  style: word,
  background: word,
  moderation: word,
  output_format: z.enum(['png', 'jpeg', 'webp']).nullish(),
  output_compression: z.int().min(0).max(100).nullish(),
  response_format: z
    .enum(['b64_json', 'url'])
    .nullish()
    .describe(
      'url: links of the provider’s, or of this gateway’s, that end. Without it, images come as the provider gives them.',
    ),
  stream: z.boolean().nullish().describe('Images come whole: true is refused.'),
  user: z.string().nullish(),
})

const textAndImage = z.looseObject({ text_tokens: z.int(), image_tokens: z.int() })

/** Body of the answer. */
export const imagesResponse = z.looseObject({
  created: z.int(),
  data: z.array(
    z.looseObject({
      b64_json: z.string().optional(),
      url: z.string().optional(),
      revised_prompt: z.string().optional(),
    }),
  ),
  background: z.string().optional(),
  output_format: z.string().optional(),
  size: z.string().optional(),
  quality: z.string().optional(),
  usage: z
    .looseObject({
      input_tokens: z.int(),
      output_tokens: z.int(),
      total_tokens: z.int(),
      input_tokens_details: textAndImage,
      output_tokens_details: textAndImage.optional(),
    })
    .optional(),
})

// ---------------------------------------------------------------- answers as upstreams send them: nothing is certain

/** What an image was made of, and how much was written for it. */
export interface WireImageUsage {
  input_tokens?: unknown
  output_tokens?: unknown
  total_tokens?: unknown
  input_tokens_details?: { text_tokens?: unknown; image_tokens?: unknown; cached_tokens?: unknown } | null
  output_tokens_details?: { text_tokens?: unknown; image_tokens?: unknown } | null
}

/** One image. */
export interface WireImage {
  b64_json?: string | null
  url?: string | null
  revised_prompt?: string | null
  /** False of one that was withheld, as xAI says it. */
  respect_moderation?: unknown
}

/** An answer with images, or an error. */
export interface WireImages {
  error?: unknown
  created?: unknown
  data?: (WireImage | null)[] | null
  background?: unknown
  output_format?: unknown
  size?: unknown
  quality?: unknown
  usage?: WireImageUsage | null
}
