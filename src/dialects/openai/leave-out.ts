/** The text of a body without fields that its vendor has not: such as it refuses, or passes over in silence. */
export interface LeftOut {
  readonly body: string
  /** Those that asked for something. What leaves it to the vendor asks for nothing. */
  readonly dropped: readonly string[]
}

/** Leaves out the named fields; the very text where there is none of them. */
export function leaveOut(text: string, names: readonly string[]): LeftOut {
  if (names.length === 0) return { body: text, dropped: [] }
  const body = JSON.parse(text) as Record<string, unknown>
  const found = names.filter((name) => Object.hasOwn(body, name))
  if (found.length === 0) return { body: text, dropped: [] }
  const dropped = found.filter((name) => body[name] !== null && body[name] !== 'auto')
  for (const name of found) delete body[name]
  return { body: JSON.stringify(body), dropped }
}
