import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { entryOf } from '../entry.ts'

const reasonOf: Readonly<Record<string, FinishReason>> = {
  COMPLETE: FinishReason.STOP,
  STOP_SEQUENCE: FinishReason.STOP,
  MAX_TOKENS: FinishReason.LENGTH,
  TOOL_CALL: FinishReason.TOOL_CALLS,
  ERROR: FinishReason.ERROR,
  TIMEOUT: FinishReason.ERROR,
}

/** What the end of an answer means; one that called a tool and then completed called a tool. */
export function finishReasonOf(word: string, called: boolean): FinishReason {
  const reason = entryOf(reasonOf, word) ?? FinishReason.OTHER
  return called && (reason === FinishReason.STOP || reason === FinishReason.OTHER) ? FinishReason.TOOL_CALLS : reason
}
