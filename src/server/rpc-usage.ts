import type { HandlerContext } from '@connectrpc/connect'
import type { Core } from '../core/contract.ts'
import type { Offered } from './policy.ts'
import { surfaceOf } from './rpc-call.ts'

/** Serves `UsageService`. */
export function usageService(core: Core, draining: AbortSignal | undefined): Offered<'UsageService'> {
  const usage = (context: HandlerContext) => surfaceOf(core, context).usage
  return {
    queryUsage: (request, context) => usage(context).query(request),
    getRequest: ({ id }, context) => usage(context).request(id),
    listRequests: (request, context) => usage(context).requests(request),
    tailRequests: (request, context) => usage(context).tail(request, untilDrain(context.signal, draining)),
    getLiveStats: (_request, context) => usage(context).live(),
  }
}

/** Aborted when the client leaves, or when the gateway stops: whoever follows the log would keep it from draining. */
function untilDrain(signal: AbortSignal, draining: AbortSignal | undefined): AbortSignal {
  return draining === undefined ? signal : AbortSignal.any([signal, draining])
}
