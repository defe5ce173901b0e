const always = '*_API_KEY'

function matches(name: string, pattern: string): boolean {
  const body = pattern.replace(/^\*/, '').replace(/\*$/, '')
  if (pattern.startsWith('*') && pattern.endsWith('*')) return name.includes(body)
  if (pattern.startsWith('*')) return name.endsWith(body)
  if (pattern.endsWith('*')) return name.startsWith(body)
  return name === pattern
}

/**
 * Whether an environment variable may be read as a provider's key: `*_API_KEY`, or one of `secrets.allowed_env`. Without
 * this, whoever may register a provider could have any variable of the process sent to a host of their choice.
 */
export function isAllowedVariable(name: string, allowed: readonly string[]): boolean {
  return [always, ...allowed].some((pattern) => matches(name, pattern))
}
