import { type ChatEvent, FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { Fold } from '../../model/collect.ts'
import { started, usageEvent } from '../../model/events.ts'
import { lengthOf } from '../../model/length.ts'
import { completeBatch } from '../../provider/complete.ts'
import { contentOf } from '../content.ts'
import { HoldBack } from '../hold-back.ts'
import { type Operation, type Tally, tellUsage } from '../operation.ts'
import { capped } from './capped.ts'
import { nothing } from './nothing.ts'
import { startedOnce } from './started.ts'

/** One turn of a conversation, whole or as a stream. */
export const chat: Operation<'chat'> = {
  name: 'chat',
  verb: 'chat',
  slow: false,
  offeredBy: (provider) => provider.chat !== undefined,
  ask: (provider, request, context) => provider.chat?.(request, context) ?? nothing(),
  complete: (step) => completeBatch(step as Parameters<typeof completeBatch>[0]),
  ...startedOnce<ChatEvent>(() => started({})),
  observe,
  lengthOf,
  end: ({ n }) => new HoldBack(Math.max(1, n ?? 1), usageEvent),
  capped,
  fold: () => new Fold(),
  content: contentOf,
}

function observe(batch: readonly ChatEvent[], tally: Tally): void {
  for (const { event } of batch) {
    switch (event.case) {
      case 'textDelta':
      case 'reasoningDelta':
      case 'refusalDelta':
        tally.written += event.value.text.length
        break
      case 'toolCallDelta':
        tally.written += event.value.argumentsJson.length + event.value.name.length
        break
      case 'usage':
        tellUsage(tally, event.value)
        break
      case 'finished':
        tally.finished.push(reasonWord(event.value.reason))
        tally.complete = true
        break
      case 'started':
      case 'audioDelta':
      case 'annotation':
      case 'image':
      case 'providerPart':
      case 'logprobs':
      case undefined:
        break
      default:
        event satisfies never
    }
  }
}

const reasonWords = new Map<number, string>(
  Object.entries(FinishReason).map(([word, value]) => [value, word.toLowerCase()]),
)

/** The word that the request log has for how a choice ended. */
export function reasonWord(reason: FinishReason): string {
  return reasonWords.get(reason) ?? 'other'
}
