/** The formats that Zen has endpoints for. */
export const formats = ['chat', 'responses', 'messages', 'gemini'] as const

/** A format that Zen has an endpoint for. */
export type Format = (typeof formats)[number]

/**
 * How the names of models begin that are not asked by chat completions, which all others are: the table of endpoints in
 * https://opencode.ai/docs/zen/ of October 2026.
 */
export const formatOf: Readonly<Record<string, Format>> = {
  'gpt-': 'responses',
  'grok-': 'responses',
  'muse-': 'responses',
  'claude-': 'messages',
  'qwen3.5-': 'messages',
  'qwen3.6-': 'messages',
  'qwen3.7-': 'messages',
  'union-': 'messages',
  'gemini-': 'gemini',
}

/** The format of a model: by the longest beginning of its name in the tables, of equals the one in the first of them. */
export function formatFor(model: string, ...tables: readonly Readonly<Record<string, Format>>[]): Format {
  const known = tables.flatMap((table) => Object.entries(table)).filter(([start]) => model.startsWith(start))
  const [first] = known.toSorted(([one], [other]) => other.length - one.length)
  return first?.[1] ?? 'chat'
}
