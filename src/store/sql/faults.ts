import { fail, GatewayError } from '../../error/index.ts'
import type { SqlEngine, Writing } from './engine.ts'

const mostTries = 5

/**
 * Runs a transaction that writes, after what prepares for it; when the database made it the victim of a collision, both again.
 */
export async function transact<Result>(
  engine: SqlEngine,
  write: (transaction: Writing) => Promise<Result>,
  prepare: (again: boolean) => Promise<void> = async () => {},
): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      await prepare(tries > 1)
      return await engine.writer.transaction().execute(write)
    } catch (error) {
      if (tries === mostTries || engine.faultOf(error) !== 'again') throw error
    }
  }
}

/** What a database threw, as the contract of the store has it. The cause is for the log. */
export function storeError(engine: SqlEngine, thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  switch (engine.faultOf(thrown)) {
    case 'again':
    case 'unavailable':
      return fail('store_unavailable', 'the database cannot be reached or did not answer in time', { cause: thrown })
    case 'unique':
      return fail('conflict', 'there is one of that name or id already', { cause: thrown, retryable: false })
    case 'reference':
      return fail('not_found', 'what this refers to does not exist', { cause: thrown })
    default:
      return fail('internal', 'the store failed to do this', { cause: thrown })
  }
}

type Method = (...given: never[]) => Promise<unknown>

/** Whether a text with the character NUL, which no text of PostgreSQL can hold, is anywhere in the value. */
function holdsNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0')
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some(holdsNul)
}

/**
 * The same methods, rejecting with nothing but a `GatewayError`. A text with NUL is refused as `invalid_request` on every engine, so
 * that a name means the same in all of them and a backup of one can be restored into another; `takesNul` names methods that see to it
 * themselves.
 */
export function translated<Methods extends { readonly [Name in keyof Methods]: Method }>(
  engine: SqlEngine,
  methods: Methods,
  takesNul: readonly (keyof Methods)[] = [],
): Methods {
  const entries = Object.entries<Method>(methods).map(([name, method]) => {
    const takesAnything = takesNul.includes(name as keyof Methods)
    const translate: Method = async (...given) => {
      if (!takesAnything && holdsNul(given))
        throw fail('invalid_request', 'the character NUL cannot be in a name, an id or a filter')
      try {
        return await method(...given)
      } catch (error) {
        throw storeError(engine, error)
      }
    }
    return [name, translate]
  })
  return Object.fromEntries(entries) as Methods
}
