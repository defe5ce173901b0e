import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { entryOf } from '../entry.ts'

const reasonOf: Readonly<Record<string, FinishReason>> = {
  end_turn: FinishReason.STOP,
  stop_sequence: FinishReason.STOP,
  max_tokens: FinishReason.LENGTH,
  model_context_window_exceeded: FinishReason.LENGTH,
  tool_use: FinishReason.TOOL_CALLS,
  refusal: FinishReason.REFUSAL,
}

/**
 * What the end of an answer means; a word that is not known, such as `pause_turn`, is `OTHER`. An answer that ended as one
 * should, without a word, stopped.
 */
export function finishReasonOf(word: string, called: boolean): FinishReason {
  const reason = word === '' ? FinishReason.STOP : (entryOf(reasonOf, word) ?? FinishReason.OTHER)
  return called && word === '' ? FinishReason.TOOL_CALLS : reason
}

/** Words of the format that say more than the reason they stand for. */
const precise = new Set(['pause_turn', 'model_context_window_exceeded', 'compaction'])

/** How the end of an answer is spelled for clients, in Anthropic's closed list. */
export function stopWord(reason: FinishReason, upstreamReason: string, stopSequence: string): string {
  if (precise.has(upstreamReason)) return upstreamReason
  switch (reason) {
    case FinishReason.LENGTH:
      return 'max_tokens'
    case FinishReason.TOOL_CALLS:
      return 'tool_use'
    case FinishReason.CONTENT_FILTER:
    case FinishReason.REFUSAL:
      return 'refusal'
    default:
      return stopSequence === '' ? 'end_turn' : 'stop_sequence'
  }
}
