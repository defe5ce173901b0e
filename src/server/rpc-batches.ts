import type { HandlerContext } from '@connectrpc/connect'
import type { Core } from '../core/contract.ts'
import type { Offered } from './policy.ts'
import { surfaceOf } from './rpc-call.ts'

/** Serves `BatchService`. */
export function batchService(core: Core): Offered<'BatchService'> {
  const batches = (context: HandlerContext) => surfaceOf(core, context).batches
  return {
    createBatch: (request, context) => batches(context).create(request, 'rpc'),
    getBatch: ({ id }, context) => batches(context).get(id),
    listBatches: (request, context) => batches(context).list(request),
    cancelBatch: ({ id }, context) => batches(context).cancel(id),
  }
}
