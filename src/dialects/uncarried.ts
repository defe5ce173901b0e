import type { ChatRequest, Image, ResponseFormat } from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../error/index.ts'

/** The options of a request that not every format has a field for, each with how a request shows that it is asked for. */
const asked = {
  parallel_tool_calls: ({ parallelToolCalls }) => parallelToolCalls === false,
  top_k: ({ topK }) => topK !== undefined,
  seed: ({ seed }) => seed !== undefined,
  presence_penalty: ({ presencePenalty }) => presencePenalty !== undefined,
  frequency_penalty: ({ frequencyPenalty }) => frequencyPenalty !== undefined,
  n: ({ n }) => n !== undefined && n > 1,
  logprobs: ({ logprobs }) => logprobs === true,
  top_logprobs: ({ topLogprobs }) => topLogprobs !== undefined && topLogprobs > 0,
  logit_bias: ({ logitBias }) => Object.keys(logitBias).length > 0,
  modalities: ({ modalities }) => modalities.some((word) => word !== 'text'),
  audio: ({ audio }) => audio !== undefined,
  verbosity: ({ verbosity }) => verbosity !== undefined,
  service_tier: ({ serviceTier }) => serviceTier !== undefined && serviceTier !== 'auto',
  user: ({ user }) => user !== undefined,
  metadata: ({ metadata }) => Object.keys(metadata).length > 0,
  prediction: ({ prediction }) => prediction.length > 0,
  prompt_cache_key: ({ promptCacheKey }) => promptCacheKey !== undefined,
  store: ({ store }) => store === true,
} as const satisfies Record<string, (request: ChatRequest) => boolean>

/** An option of a request that not every format has a field for, as `dropped` names it. */
export type OptionName = keyof typeof asked

/** Options without which the answer would not be of the shape that was asked for. They are refused, never left out. */
const shaping: ReadonlySet<OptionName> = new Set(['n', 'logprobs', 'top_logprobs'])

/**
 * The options a request asks for that a format without a field for them cannot carry; `carried` are those it can. What only
 * says the usual, such as `n: 1`, is not asked for. Throws `unsupported_field` for one that shapes the answer.
 */
export function uncarriedOptions(request: ChatRequest, carried: readonly OptionName[]): OptionName[] {
  const names = Object.keys(asked) as OptionName[]
  const lost = names.filter((name) => !carried.includes(name) && asked[name](request))
  const refused = lost.find((name) => shaping.has(name))
  if (refused === undefined) return lost
  throw fail('unsupported_field', `the provider of this model does not have ${refused}`, { param: refused })
}

/** Names how closely an image is to be looked at, for formats that have no word for it. What is left to the provider is not asked for. */
export function noteDetail({ detail }: Pick<Image, 'detail'>, path: string, dropped: string[]): void {
  if (detail !== '' && detail !== 'auto') dropped.push(`${path}.detail`)
}

/** Names what a schema of the answer is described as, for formats that take the schema alone. */
export function noteDescription({ kind }: Pick<ResponseFormat, 'kind'>, dropped: string[]): void {
  if (kind.case === 'jsonSchema' && kind.value.description !== '')
    dropped.push('response_format.json_schema.description')
}
