import type { HandlerContext } from '@connectrpc/connect'
import type { Core } from '../core/contract.ts'
import type { Offered } from './policy.ts'
import { surfaceOf } from './rpc-call.ts'

/** Serves `KeyService`. */
export function keyService(core: Core): Offered<'KeyService'> {
  const keys = (context: HandlerContext) => surfaceOf(core, context).keys
  return {
    createAccount: (request, context) => keys(context).createAccount(request),
    updateAccount: (request, context) => keys(context).updateAccount(request),
    listAccounts: (request, context) => keys(context).listAccounts(request),
    createKey: (request, context) => keys(context).createKey(request),
    listKeys: (request, context) => keys(context).listKeys(request),
    revokeKey: ({ id }, context) => keys(context).revokeKey(id),
  }
}
