import { setTimeout } from 'node:timers/promises'
import { GatewayError } from '../error/index.ts'
import { type AccountStore, defaultAccountId } from '../store/contract.ts'
import { type MintedKey, mintKey } from './token.ts'

/** The same in every gateway on one store, so that of several that start at once only one makes it. */
const firstId = '000000000001'

/** A key that is in the store, and that nobody has seen. When it goes out of scope so, it is deleted again, so that the next start makes one. */
export interface FirstKey extends AsyncDisposable {
  /** The token, for whoever shows it, once: from then on the key stays. */
  show(): string
}

/** What a first key is made with. */
export interface FirstKeyOptions {
  readonly store: AccountStore
  /** Brings what is in the store to whoever checks keys. */
  readonly refresh: () => Promise<void>
  /** Where the operator is told of a key that may be in the store, although nobody was shown it. */
  readonly log: { error(fields: object, message: string): void }
  /** Milliseconds between two of five tries, while the store does not answer. */
  readonly pauseMs?: number
}

/**
 * Makes the first key of a store that never had one: it may do everything. Gives it once it is known to be stored; undefined when
 * another gateway was faster. Either way there is a key now, and `refresh` has brought it to whoever checks keys: until then it would let
 * in everybody. Rejects when the store goes away meanwhile, and then leaves no key that nobody knows.
 */
export async function createFirstKey({ store, refresh, log, pauseMs }: FirstKeyOptions): Promise<FirstKey | undefined> {
  const minted = mintKey(firstId)
  const forget = async (): Promise<void> => {
    try {
      await persistently(() => store.forgetKey(minted.id, minted.sha256), pauseMs)
    } catch (err) {
      log.error(
        { err },
        'the first key may be stored, and was shown to nobody; make another: switchyard keys create --admin',
      )
    }
  }
  try {
    const isOurs = await persistently(() => keep(store, minted), pauseMs)
    await persistently(refresh, pauseMs)
    return isOurs ? unseen(minted.token, forget) : undefined
  } catch (error) {
    await forget()
    throw error
  }
}

function unseen(token: string, forget: () => Promise<void>): FirstKey {
  let isShown = false
  return {
    show() {
      isShown = true
      return token
    },
    async [Symbol.asyncDispose]() {
      if (!isShown) await forget()
    },
  }
}

/** True when the key in the store is this one, also where an earlier try put it there, and its answer was lost. */
async function keep(store: AccountStore, { id, sha256 }: MintedKey): Promise<boolean> {
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
    return true
  } catch (error) {
    if (!(error instanceof GatewayError) || error.reason !== 'conflict') throw error
    return (await store.usableKeys(Date.now())).some((key) => key.sha256 === sha256)
  }
}

const mostTries = 5

/** Tries again while the store does not answer. */
async function persistently<Result>(work: () => Promise<Result>, pauseMs = 1000): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      const isAway = error instanceof GatewayError && error.reason === 'store_unavailable'
      if (!isAway || tries >= mostTries) throw error
      await setTimeout(pauseMs)
    }
  }
}
