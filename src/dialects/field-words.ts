import { asGatewayError, fail } from '../error/index.ts'

/**
 * What a service of the gateway gives. Its errors name fields in the contract's words; here they get those of a dialect, by `words`: in
 * the message and as the field at fault.
 */
export async function inWordsOf<Result>(
  words: Readonly<Record<string, string>>,
  promise: Promise<Result>,
): Promise<Result> {
  try {
    return await promise
  } catch (error) {
    const { reason, message, details } = asGatewayError(error)
    const anyWord = new RegExp(`\\b(?:${Object.keys(words).join('|')})\\b`, 'g')
    const spell = (text: string): string => text.replaceAll(anyWord, (word) => words[word] ?? word)
    const { param, ...rest } = details
    throw fail(reason, spell(message), { ...rest, ...(param !== undefined && { param: spell(param) }) })
  }
}
