import { z } from 'zod'

/*
 * The wire format of `models/{model}:generateContent`, as Google's Gemini API and Vertex AI have it. Requests are checked with
 * their field names in lowerCamelCase (see spelling.ts). Objects are loose: a field that is not listed survives and is passed on.
 */

const text = z.string().nullish()
const flag = z.boolean().nullish()
const list = z.array(z.string()).nullish()
const object = z.record(z.string(), z.unknown())
const mode = z.union([z.string(), z.int()]).nullish()

/** Bytes inside the request. */
const blob = z.looseObject({ mimeType: text, data: text, displayName: text })
/** Bytes the provider fetches, or keeps. */
const fileData = z.looseObject({ mimeType: text, fileUri: z.string(), displayName: text })

const functionCall = z.looseObject({ id: text, name: z.string().min(1), args: object.nullish() })

const media = z.looseObject({ inlineData: blob.nullish(), fileData: fileData.nullish() })

const functionResponse = z.looseObject({
  id: text,
  name: z.string().min(1),
  response: object.nullish(),
  parts: z.array(media).nullish(),
})

const part = z.looseObject({
  text: text,
  thought: flag,
  thoughtSignature: text,
  inlineData: blob.nullish(),
  fileData: fileData.nullish(),
  functionCall: functionCall.nullish(),
  functionResponse: functionResponse.nullish(),
  executableCode: object.nullish(),
  codeExecutionResult: object.nullish(),
})

/** A turn, or whatever else has parts. */
export const content = z.looseObject({
  role: z.enum(['user', 'model', 'function', 'system', 'tool']).or(z.literal('')).nullish(),
  parts: z.array(part).nullish(),
})

const functionDeclaration = z.looseObject({
  name: z.string().min(1),
  description: text,
  parameters: object.nullish().describe('The schema in Google’s subset of OpenAPI.'),
  parametersJsonSchema: object.nullish().describe('The same as JSON Schema.'),
})

const tool = z.looseObject({ functionDeclarations: z.array(functionDeclaration).nullish() })

const functionCallingConfig = z.looseObject({ mode: mode, allowedFunctionNames: list })
const toolConfig = z.looseObject({ functionCallingConfig: functionCallingConfig.nullish() })

const thinkingConfig = z.looseObject({
  thinkingBudget: z.int().min(-1).max(0x7fff_ffff).nullish(),
  includeThoughts: flag,
  thinkingLevel: text,
})

const penalty = z.number().min(-2).max(2).nullish()

const generationConfig = z.looseObject({
  temperature: z.number().min(0).max(2).nullish(),
  topP: z.number().min(0).max(1).nullish(),
  topK: z.number().min(0).max(0x7fff_ffff).nullish(),
  maxOutputTokens: z.int().min(1).max(0x7fff_ffff).nullish(),
  stopSequences: list,
  candidateCount: z.int().min(1).max(128).nullish(),
  seed: z.number().refine(Number.isSafeInteger, 'expected an integer').nullish(),
  presencePenalty: penalty,
  frequencyPenalty: penalty,
  responseMimeType: text,
  responseSchema: object.nullish(),
  responseJsonSchema: object.nullish(),
  responseModalities: list,
  responseLogprobs: flag,
  logprobs: z.int().min(0).max(20).nullish(),
  thinkingConfig: thinkingConfig.nullish(),
})

/** Body of `POST /v1beta/models/{model}:generateContent` and of its streaming twin. */
export const generateContentRequest = z.looseObject({
  model: text.describe('The path says which model; a name here is replaced by the upstream’s.'),
  contents: z.array(content),
  systemInstruction: z.union([content, z.string()]).nullish(),
  tools: z.array(tool).nullish(),
  toolConfig: toolConfig.nullish(),
  generationConfig: generationConfig.nullish(),
})

/** Body of `POST /v1beta/models/{model}:countTokens`: the contents, or a whole request. */
export const countTokensRequest = z.looseObject({
  contents: z.array(content).nullish(),
  generateContentRequest: generateContentRequest.nullish(),
})

/** Body of the answer to `:countTokens`. */
export const countTokensResponse = z.looseObject({ totalTokens: z.number() })

/** A checked body of `generateContent`. */
export type GenerateContentRequest = z.infer<typeof generateContentRequest>
/** One turn of the request. */
export type RequestContent = z.infer<typeof content>
/** One piece of a turn. */
export type RequestPart = z.infer<typeof part>
/** Bytes beside what a function answered. */
export type RequestMedia = z.infer<typeof media>
/** What a function answered. */
export type RequestFunctionResponse = z.infer<typeof functionResponse>
/** The request's `generationConfig`. */
export type GenerationConfig = z.infer<typeof generationConfig>
/** Schemas whose listed fields the contract carries; what they do not list is untranslated. */
export const known = {
  request: generateContentRequest.shape,
  content: content.shape,
  part: part.shape,
  blob: blob.shape,
  fileData: fileData.shape,
  media: media.shape,
  functionCall: functionCall.shape,
  functionResponse: functionResponse.shape,
  functionDeclaration: functionDeclaration.shape,
  toolConfig: toolConfig.shape,
  functionCallingConfig: functionCallingConfig.shape,
  generationConfig: generationConfig.shape,
  thinkingConfig: thinkingConfig.shape,
} as const

const usage = z.looseObject({
  promptTokenCount: z.number().optional(),
  candidatesTokenCount: z.number().optional(),
  thoughtsTokenCount: z.number().optional(),
  cachedContentTokenCount: z.number().optional(),
  totalTokenCount: z.number().optional(),
})

/** Body of a whole answer, and of each chunk of a stream. */
export const generateContentResponse = z.looseObject({
  candidates: z
    .array(
      z.looseObject({
        content: z.looseObject({ role: text, parts: z.array(z.looseObject({})).optional() }).optional(),
        finishReason: z.union([z.string(), z.number()]).optional(),
        index: z.number().optional(),
      }),
    )
    .optional(),
  promptFeedback: z.looseObject({ blockReason: z.union([z.string(), z.number()]).optional() }).optional(),
  usageMetadata: usage.optional(),
  modelVersion: z.string().optional(),
  responseId: z.string().optional(),
})

/** Body of `GET /v1beta/models/{id}`. */
export const modelObject = z.looseObject({
  name: z.string(),
  version: z.string(),
  displayName: z.string(),
  inputTokenLimit: z.number().optional(),
  outputTokenLimit: z.number().optional(),
  supportedGenerationMethods: z.array(z.string()),
})

/** Body of `GET /v1beta/models`. */
export const modelList = z.object({ models: z.array(modelObject) })

// ---------------------------------------------------------------- answers as upstreams send them: nothing is certain

/** A part of an answer. Members not named here are pieces that only this vendor knows. */
export interface WirePart {
  text?: string | null
  thought?: boolean | null
  thoughtSignature?: string | null
  inlineData?: { mimeType?: string; data?: string } | null
  fileData?: { mimeType?: string; fileUri?: string } | null
  functionCall?: WireFunctionCall | null
}

/** A call, whole; or a piece of one, where arguments are streamed. */
export interface WireFunctionCall {
  id?: string | null
  name?: string | null
  args?: Record<string, unknown> | null
  partialArgs?: WirePartialArg[] | null
  willContinue?: boolean | null
}

/** One value, or a piece of one string, among the arguments of a call. */
export interface WirePartialArg {
  jsonPath?: string
  stringValue?: string
  numberValue?: number
  boolValue?: boolean
  nullValue?: unknown
  willContinue?: boolean
}

/** A token's log probability. */
export interface WireLogprob {
  token?: string
  logProbability?: number
}

/** Where a piece of the answer comes from. */
export interface WireCitation {
  startIndex?: number
  endIndex?: number
  uri?: string
  title?: string
}

/** What a search found, and which text rests on it. */
export interface WireGrounding {
  groundingChunks?: { web?: { uri?: string; title?: string } | null }[] | null
  groundingSupports?:
    | { segment?: { startIndex?: number; endIndex?: number } | null; groundingChunkIndices?: number[] | null }[]
    | null
}

/** One candidate of a chunk or of a whole answer. */
export interface WireCandidate {
  index?: number
  content?: { role?: string; parts?: (WirePart | null)[] | null } | null
  finishReason?: string | number | null
  citationMetadata?: { citationSources?: WireCitation[] | null; citations?: WireCitation[] | null } | null
  groundingMetadata?: WireGrounding | null
  logprobsResult?: {
    chosenCandidates?: WireLogprob[] | null
    topCandidates?: { candidates?: WireLogprob[] | null }[] | null
  } | null
}

/** Tokens of one modality, by word or number. */
export interface WireModality {
  modality?: string | number
  tokenCount?: unknown
}

/** A `usageMetadata` object. */
export interface WireUsage {
  promptTokenCount?: unknown
  toolUsePromptTokenCount?: unknown
  candidatesTokenCount?: unknown
  thoughtsTokenCount?: unknown
  cachedContentTokenCount?: unknown
  totalTokenCount?: unknown
  promptTokensDetails?: WireModality[] | null
  candidatesTokensDetails?: WireModality[] | null
  cacheTokensDetails?: WireModality[] | null
  toolUsePromptTokensDetails?: WireModality[] | null
}

/** A chunk of a stream, or a whole answer. */
export interface WireAnswer {
  candidates?: (WireCandidate | null)[] | null
  promptFeedback?: { blockReason?: string | number | null; blockReasonMessage?: string } | null
  usageMetadata?: WireUsage | null
  modelVersion?: string
  responseId?: string
  createTime?: string
  error?: unknown
}
