import { create } from '@bufbuild/protobuf'
import { type SynthesizeEvent, SynthesizeEventSchema, SynthesizeRequestSchema } from '#gen/switchyard/v1/audio_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { completeSteps } from '../../provider/complete.ts'
import { requestContent } from '../content.ts'
import { UsageEnd } from '../hold-back.ts'
import { type Operation, tellUsage } from '../operation.ts'
import { nothing } from './nothing.ts'
import { startedOnce } from './started.ts'

/** Speech: the sound goes out as it comes, and ends when the call is settled. */
export const synthesize: Operation<'synthesize'> = {
  name: 'synthesize',
  verb: 'speak',
  slow: true,
  wordless: true,
  offeredBy: (provider) => provider.synthesize !== undefined,
  ask: (provider, request, context) => fromFirstSound(provider.synthesize?.(request, context) ?? nothing()),
  complete: (step) => step as readonly SynthesizeEvent[],
  ...startedOnce(startOf),
  observe(batch, tally, { input }) {
    for (const { event } of batch) {
      if (event.case === 'audio') tally.complete ||= event.value.length > 0
      else if (event.case === 'usage') tellUsage(tally, event.value)
    }
    if (tally.usage?.characters === 0) tally.usage.characters = input.length
  },
  lengthOf: ({ input }) => input.length,
  // What speech is paid by is what was said.
  counts: ({ input }) => ({ characters: input.length }),
  end: () => new UsageEnd(usageEvent),
  fold: () => {
    const events: SynthesizeEvent[] = []
    return { add: (batch) => void events.push(...batch), response: () => events }
  },
  content: (request) => requestContent(SynthesizeRequestSchema, request),
}

/** An answer from its first sound on, with all that was told before it: up to there it has not begun, and another may be asked for. */
async function* fromFirstSound(steps: AsyncIterable<unknown>): AsyncGenerator<readonly SynthesizeEvent[], void, void> {
  const before: SynthesizeEvent[] = []
  let begun = false
  for await (const step of steps) {
    const batch = completeSteps(SynthesizeEventSchema, step)
    if (begun) yield batch
    else {
      before.push(...batch)
      begun = batch.some(({ event }) => event.case === 'audio' && event.value.length > 0)
      if (begun) yield before
    }
  }
}

function usageEvent(value: Usage): SynthesizeEvent {
  return create(SynthesizeEventSchema, { event: { case: 'usage', value } })
}

function startOf(): SynthesizeEvent {
  return create(SynthesizeEventSchema, { event: { case: 'started', value: {} } })
}
