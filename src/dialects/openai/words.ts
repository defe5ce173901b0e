import { FinishReason, Role } from '#gen/switchyard/v1/chat_pb.ts'

/** Roles as requests spell them. */
export const roleOf = {
  system: Role.SYSTEM,
  developer: Role.DEVELOPER,
  user: Role.USER,
  assistant: Role.ASSISTANT,
  tool: Role.TOOL,
  function: Role.TOOL,
} as const satisfies Record<string, Role>

/** How a role is spelled in a request. */
export const roleWord: Readonly<Record<Role, string>> = {
  [Role.UNSPECIFIED]: 'user',
  [Role.SYSTEM]: 'system',
  [Role.DEVELOPER]: 'developer',
  [Role.USER]: 'user',
  [Role.ASSISTANT]: 'assistant',
  [Role.TOOL]: 'tool',
}

/** A map, because an upstream's word may be the name of something every object has. */
const reasonOf: ReadonlyMap<string, FinishReason> = new Map([
  ['stop', FinishReason.STOP],
  ['eos', FinishReason.STOP],
  ['end_turn', FinishReason.STOP],
  ['stop_sequence', FinishReason.STOP],
  ['length', FinishReason.LENGTH],
  ['max_tokens', FinishReason.LENGTH],
  ['model_length', FinishReason.LENGTH],
  ['tool_calls', FinishReason.TOOL_CALLS],
  ['tool_call', FinishReason.TOOL_CALLS],
  ['tool_use', FinishReason.TOOL_CALLS],
  ['function_call', FinishReason.TOOL_CALLS],
  ['content_filter', FinishReason.CONTENT_FILTER],
  ['refusal', FinishReason.REFUSAL],
  ['error', FinishReason.ERROR],
])

/**
 * What the end of a choice means. The content decides over the word: vendors say `stop` after calling a tool or refusing.
 * A stream that ended as a stream should, without a word, stopped.
 */
export function finishReasonOf(word: string, called: boolean, refused: boolean): FinishReason {
  const reason = word === '' ? FinishReason.STOP : (reasonOf.get(word.toLowerCase()) ?? FinishReason.OTHER)
  const undecided = reason === FinishReason.STOP || reason === FinishReason.OTHER
  if (called && undecided) return FinishReason.TOOL_CALLS
  if (refused && undecided) return FinishReason.REFUSAL
  return reason
}

/** How the end of a choice is spelled for clients, in OpenAI's closed list. */
export function finishWord(reason: FinishReason, refused: boolean): string {
  switch (reason) {
    case FinishReason.LENGTH:
      return 'length'
    case FinishReason.TOOL_CALLS:
      return 'tool_calls'
    case FinishReason.CONTENT_FILTER:
      return 'content_filter'
    case FinishReason.REFUSAL:
      return refused ? 'stop' : 'content_filter'
    default:
      return 'stop'
  }
}
