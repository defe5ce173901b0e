/** Headers of this format that belong to a request: they go on to an upstream of this format, and to no other. */
const names = ['anthropic-version', 'anthropic-beta'] as const

/** Those of them that `valueOf` knows; anything else it may know stays behind. */
export function carriedHeaders(valueOf: (name: string) => string | undefined): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = valueOf(name)
      return value === undefined || value === '' ? [] : [[name, value]]
    }),
  )
}
