import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { entryOf } from '../entry.ts'

const reasonOf: Readonly<Record<string, FinishReason>> = {
  end_turn: FinishReason.STOP,
  stop_sequence: FinishReason.STOP,
  tool_use: FinishReason.TOOL_CALLS,
  max_tokens: FinishReason.LENGTH,
  model_context_window_exceeded: FinishReason.LENGTH,
  guardrail_intervened: FinishReason.CONTENT_FILTER,
  content_filtered: FinishReason.CONTENT_FILTER,
  refusal: FinishReason.REFUSAL,
  malformed_model_output: FinishReason.ERROR,
  malformed_tool_use: FinishReason.ERROR,
}

/** What the end of an answer means. Models that say `end_turn` after calling a tool called a tool. */
export function finishReasonOf(word: string, called: boolean): FinishReason {
  const reason = entryOf(reasonOf, word) ?? FinishReason.OTHER
  return called && (reason === FinishReason.STOP || reason === FinishReason.OTHER) ? FinishReason.TOOL_CALLS : reason
}
