import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'

/** What the end of an answer means; the word is `stop` after a call of a tool too. An answer without a word stopped. */
export function finishReasonOf(word: string, called: boolean): FinishReason {
  if (word === 'length') return FinishReason.LENGTH
  if (called) return FinishReason.TOOL_CALLS
  return word === '' || word === 'stop' ? FinishReason.STOP : FinishReason.OTHER
}
