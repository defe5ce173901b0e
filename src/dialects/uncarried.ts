import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'

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

/**
 * The options a request asks for that a format without a field for them cannot carry; `carried` are those it can. What only
 * says the usual, such as `n: 1`, is not asked for.
 */
export function uncarriedOptions(request: ChatRequest, carried: readonly OptionName[]): OptionName[] {
  const names = Object.keys(asked) as OptionName[]
  return names.filter((name) => !carried.includes(name) && asked[name](request))
}
