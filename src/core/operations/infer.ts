import { create } from '@bufbuild/protobuf'
import {
  type InferEvent,
  InferEventSchema,
  InferRequestSchema,
  InferResponseSchema,
} from '#gen/switchyard/v1/infer_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { InferFold } from '../../model/inferred.ts'
import { completeSteps } from '../../provider/complete.ts'
import { messagesContent } from '../content.ts'
import { UsageEnd } from '../hold-back.ts'
import { type Operation, tellUsage } from '../operation.ts'
import { nothing } from './nothing.ts'
import { startedOnce } from './started.ts'

/** What the contract has no message for: the model's own arguments, and its own answer, whole or in chunks. */
export const infer: Operation<'infer'> = {
  name: 'infer',
  verb: 'answer generic requests',
  slow: true,
  offeredBy: (provider) => provider.infer !== undefined,
  ask: (provider, request, context) => provider.infer?.(request, context) ?? nothing(),
  complete: (step) => completeSteps(InferEventSchema, step),
  ...startedOnce(startOf),
  observe(batch, tally) {
    for (const { event } of batch) {
      if (event.case === 'usage') tellUsage(tally, event.value)
      if (event.case !== 'chunk') continue
      tally.complete = true
      tally.written += JSON.stringify(event.value).length
    }
  },
  lengthOf: ({ args }) => JSON.stringify(args ?? {}).length,
  end: () => new UsageEnd(usageEvent),
  fold: () => new InferFold(),
  content: (request, response) => messagesContent(InferRequestSchema, request, InferResponseSchema, response),
}

function usageEvent(value: Usage): InferEvent {
  return create(InferEventSchema, { event: { case: 'usage', value } })
}

function startOf(): InferEvent {
  return create(InferEventSchema, { event: { case: 'started', value: {} } })
}
