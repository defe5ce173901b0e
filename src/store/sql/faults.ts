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

/** The same methods, rejecting with nothing but a `GatewayError`. */
export function translated<Methods extends { readonly [Name in keyof Methods]: Method }>(
  engine: SqlEngine,
  methods: Methods,
): Methods {
  const entries = Object.entries<Method>(methods).map(([name, method]) => {
    const translate: Method = async (...given) => {
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
