import { FinishReason, type ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import type { AskOf, Served, StreamedAnswer } from '../../../src/dialects/operation.ts'
import { fail } from '../../../src/error/index.ts'
import { Fold } from '../../../src/model/collect.ts'
import * as events from '../../../src/model/events.ts'
import { usage } from '../../../src/model/usage.ts'
import { never } from '../fault.ts'

const served: Served = { requestId: 'req-1', provider: 'upstream', model: 'm', alias: 'upstream/m', elapsed: () => 1 }

/** An answer with a little of everything. */
const batches = (): ChatEvent[][] => [
  [events.started({ id: 'a', model: 'm' }), events.reasoningDelta({ text: 'Hm' })],
  [events.textDelta('Yes'), events.refusalDelta('No', 1)],
  [events.toolCallDelta({ id: 'c', name: 'weather', argumentsJson: '{"a":' })],
  [events.finished({ reason: FinishReason.LENGTH }), events.usageEvent(usage({ inputTokens: 1, outputTokens: 2 }))],
]

/** Whatever the request asked for, its answer can be written. */
export function requireAnswers(ask: AskOf<'chat'>): void {
  if (ask.streaming) return requireStreamed(ask.answer)
  const written = never('encode whole', () => ask.answer.whole(folded(), served))
  never('whole is no JSON', () => JSON.parse(typeof written === 'string' ? written : '') as unknown)
}

function requireStreamed(answer: StreamedAnswer<'chat'>): void {
  for (const batch of batches()) never('encode events', () => answer.events(batch, served))
  const error = fail('provider_interrupted', 'the answer ended before it was complete')
  never('encode end', () => answer.end())
  never('encode failure', () => answer.fail(error))
}

function folded(): ReturnType<Fold['response']> {
  const fold = new Fold()
  for (const batch of batches()) fold.add(batch)
  return fold.response()
}
