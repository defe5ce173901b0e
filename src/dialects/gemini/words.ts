import { FinishReason, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'

/** Why a candidate ended, by its number in Google's enum. */
const finishWords = [
  'FINISH_REASON_UNSPECIFIED',
  'STOP',
  'MAX_TOKENS',
  'SAFETY',
  'RECITATION',
  'OTHER',
  'LANGUAGE',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'MALFORMED_FUNCTION_CALL',
  'IMAGE_SAFETY',
  'UNEXPECTED_TOOL_CALL',
  'TOO_MANY_TOOL_CALLS',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_OTHER',
  'NO_IMAGE',
  'IMAGE_RECITATION',
] as const
const blockWords = [
  'BLOCK_REASON_UNSPECIFIED',
  'SAFETY',
  'OTHER',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'IMAGE_SAFETY',
] as const
const modeWords = ['MODE_UNSPECIFIED', 'AUTO', 'ANY', 'NONE', 'VALIDATED'] as const
const modalityWords = ['MODALITY_UNSPECIFIED', 'TEXT', 'IMAGE', 'VIDEO', 'AUDIO', 'DOCUMENT'] as const

/** The word of an enum's value: some clients and servers write numbers. Empty when there is none. */
function wordOf(words: readonly string[], value: unknown): string {
  if (typeof value === 'number') return words[value] ?? String(value)
  return typeof value === 'string' ? value : ''
}

/** Why a candidate ended, in Google's word; empty when it has not. */
export function finishWordOf(value: unknown): string {
  const word = wordOf(finishWords, value)
  return word === finishWords[0] ? '' : word
}

/** Why a prompt was blocked, in Google's word; empty when it was not. */
export function blockWordOf(value: unknown): string {
  return wordOf(blockWords, value)
}

/** How functions may be called, in Google's word. */
export function modeWordOf(value: unknown): string {
  return wordOf(modeWords, value).toUpperCase()
}

/** Text, image and so on, in Google's word. */
export function modalityOf(value: unknown): string {
  return wordOf(modalityWords, value).toUpperCase()
}

const filtered: ReadonlySet<string> = new Set([
  'SAFETY',
  'RECITATION',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
  'MODEL_ARMOR',
])

/** True for a word that says that an answer is withheld for what is in it. */
export function isFiltered(word: string): boolean {
  return filtered.has(word)
}

/** What the end of a candidate means. Google says STOP after calling a function, so the content decides over that word. */
export function finishReasonOf(word: string, called: boolean): FinishReason {
  if (filtered.has(word)) return FinishReason.CONTENT_FILTER
  if (word === 'MAX_TOKENS') return FinishReason.LENGTH
  if (called) return FinishReason.TOOL_CALLS
  return word === '' || word === 'STOP' ? FinishReason.STOP : FinishReason.OTHER
}

/** How the end of a candidate is spelled for clients. */
export function finishWord(reason: FinishReason, upstreamReason: string): string {
  switch (reason) {
    case FinishReason.LENGTH:
      return 'MAX_TOKENS'
    case FinishReason.CONTENT_FILTER:
      return filtered.has(upstreamReason) ? upstreamReason : 'SAFETY'
    case FinishReason.REFUSAL:
      return 'PROHIBITED_CONTENT'
    case FinishReason.ERROR:
    case FinishReason.OTHER:
      return (finishWords as readonly string[]).includes(upstreamReason) ? upstreamReason : 'OTHER'
    default:
      return 'STOP'
  }
}

/** A choice of tools as Google's mode; undefined where the provider is to decide by itself. */
export const modeWord: Readonly<Record<Mode, string | undefined>> = {
  [Mode.UNSPECIFIED]: undefined,
  [Mode.AUTO]: 'AUTO',
  [Mode.NONE]: 'NONE',
  [Mode.REQUIRED]: 'ANY',
  [Mode.NAMED]: 'ANY',
  [Mode.ALLOWED]: 'VALIDATED',
}
