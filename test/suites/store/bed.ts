import { GatewayError } from '../../../src/error/index.ts'
import type { Store } from '../../../src/store/contract.ts'
import type { StoreOptions } from '../../../src/store/open.ts'

/** What a suite needs of the engine it runs on. */
export interface Bed {
  readonly engine: Store['engine']
  /** A place where no store is yet. */
  readonly newLocation: () => Promise<string>
  /** A place for a store of the other engine. */
  readonly otherLocation: () => Promise<string>
  /** Runs a statement behind the back of every store. */
  readonly execute: (location: string, statement: string) => Promise<void>
  /** Opens a store that is closed after the test. */
  readonly open: (location: string, options?: StoreOptions) => Promise<Store>
  /** Opens a store at a new place. */
  readonly fresh: () => Promise<Store>
}

/** The reason a promise is rejected with. */
export async function reasonOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'nothing was wrong',
    (error: unknown) => (error instanceof GatewayError ? error.reason : String(error)),
  )
}
