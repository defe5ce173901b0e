import { create } from '@bufbuild/protobuf'
import {
  type GenerateEvent,
  GenerateEventSchema,
  GenerateRequestSchema,
  GenerateResponseSchema,
} from '#gen/switchyard/v1/text_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { GenerateFold } from '../../model/generated.ts'
import { promptLength } from '../../model/length.ts'
import { completeSteps } from '../../provider/complete.ts'
import { generateWith } from '../../provider/generate-by-chat.ts'
import { messagesContent } from '../content.ts'
import { HoldBack } from '../hold-back.ts'
import { type Operation, tellUsage } from '../operation.ts'
import { capped } from './capped.ts'
import { reasonWord } from './chat.ts'
import { startedOnce } from './started.ts'

/** A raw completion of one or more prompts, whole or as a stream. */
export const generate: Operation<'generate'> = {
  name: 'generate',
  verb: 'complete text',
  slow: false,
  offeredBy: (provider) => provider.generate !== undefined || provider.chat !== undefined,
  ask: generateWith,
  complete: (step) => completeSteps(GenerateEventSchema, step),
  ...startedOnce(startOf),
  observe(batch, tally) {
    for (const { event } of batch) {
      if (event.case === 'textDelta') tally.written += event.value.text.length
      else if (event.case === 'usage') tellUsage(tally, event.value)
      else if (event.case === 'finished') {
        tally.finished.push(reasonWord(event.value.reason))
        tally.complete = true
      }
    }
  },
  lengthOf: ({ prompts, suffix = '' }) =>
    prompts.reduce((sum, prompt) => sum + promptLength(prompt), 0) + suffix.length,
  end: ({ n, prompts }) => new HoldBack(Math.max(1, n ?? 1) * Math.max(1, prompts.length), usageEvent),
  capped,
  fold: () => new GenerateFold(),
  content: (request, response) => messagesContent(GenerateRequestSchema, request, GenerateResponseSchema, response),
}

function usageEvent(value: Usage): GenerateEvent {
  return create(GenerateEventSchema, { event: { case: 'usage', value } })
}

function startOf(): GenerateEvent {
  return create(GenerateEventSchema, { event: { case: 'started', value: {} } })
}
