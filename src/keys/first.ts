import { GatewayError } from '../error/index.ts'
import { type AccountStore, defaultAccountId } from '../store/contract.ts'
import { mintKey } from './token.ts'

/** The same in every gateway on one store, so that of several that start at once only one makes it. */
const firstId = '000000000001'

/**
 * Makes the first key of a store that never had one: it may do everything. Gives the token, to be shown once; undefined when another
 * gateway was faster. Either way there is a key now, and `refresh` has brought it to whoever checks keys: until then it would let in
 * everybody.
 */
export async function createFirstKey(store: AccountStore, refresh: () => Promise<void>): Promise<string | undefined> {
  const token = await mintFirst(store)
  await refresh()
  return token
}

async function mintFirst(store: AccountStore): Promise<string | undefined> {
  const { id, token, sha256 } = mintKey(firstId)
  try {
    await store.createKey({
      id,
      accountId: defaultAccountId,
      name: 'first key',
      sha256,
      permissions: ['admin'],
      models: [],
      created: Date.now(),
      expires: undefined,
      revoked: undefined,
      limits: { requestsPerMinute: 0, tokensPerMinute: 0, concurrentRequests: 0 },
    })
    return token
  } catch (error) {
    if (error instanceof GatewayError && error.reason === 'conflict') return undefined
    throw error
  }
}
