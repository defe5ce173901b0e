import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { isUntold, tokenCount, usage } from '../../model/usage.ts'
import { rawOf } from '../scalars.ts'
import type { WireAnswer } from './types.ts'

/**
 * Reads the counts that the last line of an answer has; undefined without any. One that is not told is unknown: so is a prompt that was
 * all in the cache, which was read, and has no count.
 */
export function usageOf({ prompt_eval_count: prompt, eval_count: made }: WireAnswer): Usage | undefined {
  if (prompt === undefined && made === undefined) return undefined
  return usage({
    inputTokens: tokenCount(prompt),
    outputTokens: tokenCount(made),
    inputUnknown: isUntold(prompt),
    outputUnknown: isUntold(made),
    raw: rawOf({
      ...(prompt !== undefined && { prompt_eval_count: prompt }),
      ...(made !== undefined && { eval_count: made }),
    }),
  })
}
