/** The text of a body without fields that its vendor has not: such as it refuses, or passes over in silence. */
export interface LeftOut {
  readonly body: string
  /** Those that asked for something. What leaves it to the vendor asks for nothing. */
  readonly dropped: readonly string[]
}

/** What asks for no more than the usual is not missed. */
export const usual: Readonly<Record<string, unknown>> = {
  n: 1,
  best_of: 1,
  echo: false,
  logprobs: false,
  top_logprobs: 0,
}

/** Leaves out the named fields; the very text where there is none of them. */
export function leaveOut(text: string, names: readonly string[] = []): LeftOut {
  if (names.length === 0) return { body: text, dropped: [] }
  const body = JSON.parse(text) as Record<string, unknown>
  const found = names.filter((name) => Object.hasOwn(body, name))
  if (found.length === 0) return { body: text, dropped: [] }
  const dropped = found.filter((name) => body[name] !== null && body[name] !== 'auto' && body[name] !== usual[name])
  for (const name of found) delete body[name]
  return { body: JSON.stringify(body), dropped }
}
