import type { UsageSums } from '../contract.ts'

/** The fields of `Usage` that are counted. */
export type UsageField = Exclude<keyof UsageSums, 'estimatedRequests'>

/** Each counted field of `Usage` and the column it is kept in, in rows and in sums. */
const usageColumns = {
  inputTokens: 'input_tokens',
  outputTokens: 'output_tokens',
  cacheReadTokens: 'cache_read_tokens',
  cacheWrite5mTokens: 'cache_write_5m_tokens',
  cacheWrite1hTokens: 'cache_write_1h_tokens',
  reasoningTokens: 'reasoning_tokens',
  audioInputTokens: 'audio_input_tokens',
  audioOutputTokens: 'audio_output_tokens',
  imageInputTokens: 'image_input_tokens',
  imageOutputTokens: 'image_output_tokens',
  acceptedPredictionTokens: 'accepted_prediction_tokens',
  rejectedPredictionTokens: 'rejected_prediction_tokens',
  images: 'images',
  audioSeconds: 'audio_seconds',
  videoSeconds: 'video_seconds',
  characters: 'characters',
  webSearches: 'web_searches',
  cacheReadAudioTokens: 'cache_read_audio_tokens',
  cacheReadImageTokens: 'cache_read_image_tokens',
  videoInputTokens: 'video_input_tokens',
  videoOutputTokens: 'video_output_tokens',
  citationTokens: 'citation_tokens',
} as const satisfies Record<UsageField, string>

/** A column of a counted field. */
export type UsageColumn = (typeof usageColumns)[UsageField]

/** The pairs of {@link usageColumns}. */
export const usageFields = Object.entries(usageColumns) as readonly (readonly [UsageField, UsageColumn])[]

/** The columns whose numbers may have a fraction: seconds. */
export type SecondsColumn = 'audio_seconds' | 'video_seconds'

/** Whether a column counts in seconds, and so is a real number. */
export function isSeconds(column: string): column is SecondsColumn {
  return column === 'audio_seconds' || column === 'video_seconds'
}

/** The counted fields of a usage from the columns of a row. */
export function readUsageFields(
  row: Readonly<Record<UsageColumn, bigint | number>>,
): Omit<UsageSums, 'estimatedRequests'> {
  return Object.fromEntries(usageFields.map(([field, column]) => [field, Number(row[column])])) as Record<
    UsageField,
    number
  >
}

/** The most of anything that a call may count, as the contract has it: sums of these stay within what a column holds. */
const largest = 0xffff_ffff

/** What a call counts of something, or how many seconds of it, as no database refuses it. */
export function counted(value: number): number {
  return Math.min(amount(value), largest)
}

/** A number that is finite and not negative, whatever was counted. */
export function amount(value: number): number {
  return Number.isFinite(value) && value > 0 ? value : 0
}
