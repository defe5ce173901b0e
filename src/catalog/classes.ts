import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { tokenCount } from '../model/usage.ts'

/** What one price is paid for. */
export interface PricedClass {
  /** How many units the usage counts, its subsets included. A whole number, never negative, whatever the usage says. */
  readonly count: (usage: Usage) => number
  /** How many units the price is for. */
  readonly per: bigint
  /** The classes that this one is a subset of, by their price. */
  readonly within: readonly PriceKey[]
  /** Read from a cache: batch discounts may leave it out. */
  readonly cached?: boolean
  /** Paid for each call, whatever it counted. */
  readonly perCall?: boolean
}

/** Names of prices, as the source of the catalog has them. */
export type PriceKey =
  | 'input_mtok'
  | 'cache_read_mtok'
  | 'cache_write_mtok'
  | 'cache_write_5m_mtok'
  | 'cache_write_1h_mtok'
  | 'input_audio_mtok'
  | 'cache_audio_read_mtok'
  | 'input_image_mtok'
  | 'cache_image_read_mtok'
  | 'input_video_mtok'
  | 'output_mtok'
  | 'output_audio_mtok'
  | 'output_image_mtok'
  | 'output_video_mtok'
  | 'output_reasoning_mtok'
  | 'output_citation_mtok'
  | 'web_searches_kcount'
  | 'requests_kcount'

const million = 1_000_000n
const thousand = 1000n

const tokens = (
  count: PricedClass['count'],
  within: readonly PriceKey[] = [],
  cached: boolean = false,
): PricedClass => ({ count, per: million, within, cached })

/**
 * Every class that a price may be for. A usage is split among the classes that a model has prices for: each token is paid once, by
 * the narrowest class it is in. Images and video are one class in `Usage`, and two here.
 */
export const pricedClasses: Readonly<Record<PriceKey, PricedClass>> = {
  input_mtok: tokens((usage) => tokenCount(usage.inputTokens)),
  cache_read_mtok: tokens((usage) => tokenCount(usage.cacheReadTokens), ['input_mtok'], true),
  cache_write_mtok: tokens(
    (usage) => tokenCount(usage.cacheWrite5mTokens) + tokenCount(usage.cacheWrite1hTokens),
    ['input_mtok'],
  ),
  cache_write_5m_mtok: tokens((usage) => tokenCount(usage.cacheWrite5mTokens), ['input_mtok', 'cache_write_mtok']),
  cache_write_1h_mtok: tokens((usage) => tokenCount(usage.cacheWrite1hTokens), ['input_mtok', 'cache_write_mtok']),
  input_audio_mtok: tokens((usage) => tokenCount(usage.audioInputTokens), ['input_mtok']),
  cache_audio_read_mtok: tokens(
    (usage) => tokenCount(usage.cacheReadAudioTokens),
    ['input_mtok', 'cache_read_mtok', 'input_audio_mtok'],
    true,
  ),
  input_image_mtok: tokens((usage) => without(usage.imageInputTokens, usage.videoInputTokens), ['input_mtok']),
  cache_image_read_mtok: tokens(
    (usage) => tokenCount(usage.cacheReadImageTokens),
    ['input_mtok', 'cache_read_mtok', 'input_image_mtok'],
    true,
  ),
  input_video_mtok: tokens((usage) => tokenCount(usage.videoInputTokens), ['input_mtok']),
  output_mtok: tokens((usage) => tokenCount(usage.outputTokens)),
  output_audio_mtok: tokens((usage) => tokenCount(usage.audioOutputTokens), ['output_mtok']),
  output_image_mtok: tokens((usage) => without(usage.imageOutputTokens, usage.videoOutputTokens), ['output_mtok']),
  output_video_mtok: tokens((usage) => tokenCount(usage.videoOutputTokens), ['output_mtok']),
  output_reasoning_mtok: tokens((usage) => tokenCount(usage.reasoningTokens), ['output_mtok']),
  output_citation_mtok: tokens((usage) => tokenCount(usage.citationTokens), ['output_mtok']),
  web_searches_kcount: { count: (usage) => tokenCount(usage.webSearches), per: thousand, within: [] },
  requests_kcount: { count: () => 1, per: thousand, within: [], perCall: true },
}

function without(whole: number, part: number): number {
  return Math.max(0, tokenCount(whole) - tokenCount(part))
}

/** True for the name of a price that we know how to charge. */
export function isPriceKey(key: string): key is PriceKey {
  return Object.hasOwn(pricedClasses, key)
}
