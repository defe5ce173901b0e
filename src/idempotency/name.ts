import { selectAccount } from '../core/admit.ts'
import type { Principal } from '../core/contract.ts'
import { defaultAccountId, type OnceName } from '../store/contract.ts'

/**
 * Whose request it is that has this idempotency key: of this key of the gateway's own, for the account that it is for. The same word of anybody
 * else is another. Throws `permission_denied` for a foreign account.
 */
export function onceName(principal: Principal, key: string, selected?: string): OnceName {
  const account = selectAccount(principal, selected)
  return { accountId: account === '' ? defaultAccountId : account, keyId: principal.keyId, key }
}
