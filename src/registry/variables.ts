import { fail } from '../error/index.ts'
import { Secret } from '../provider/secret.ts'

/** Environment variables by name. An empty one counts as not set. */
export type Environment = Readonly<Record<string, string | undefined>>

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

/** True for a variable that is there and says something. */
export function isSet(value: string | undefined): value is string {
  return value !== undefined && value.trim() !== ''
}

/**
 * A secret that is in the environment. Throws `invalid_request` for a variable that may not be read, `provider_credential` for one
 * that is not set on this machine.
 */
export function secretOfVariable(name: string, env: Environment, allowed: readonly string[]): Secret {
  if (!isAllowedVariable(name, allowed))
    throw fail('invalid_request', 'only *_API_KEY may be read; allow others in secrets.allowed_env')
  const value = env[name]
  if (!isSet(value)) throw fail('provider_credential', `the environment variable ${name} is not set`)
  return new Secret(value.trim())
}
