import { type ChatEvent, FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { Fold } from '../../model/collect.ts'
import { started, usageEvent } from '../../model/events.ts'
import { lengthOf } from '../../model/length.ts'
import { completeBatch } from '../../provider/complete.ts'
import { contentOf } from '../content.ts'
import { HoldBack } from '../hold-back.ts'
import { type Operation, type Tally, tellUsage } from '../operation.ts'
import { nothing } from './nothing.ts'

/** One turn of a conversation, whole or as a stream. */
export const chat: Operation<'chat'> = {
  name: 'chat',
  verb: 'chat',
  slow: false,
  offeredBy: (provider) => provider.chat !== undefined,
  ask: (provider, request, context) => provider.chat?.(request, context) ?? nothing(),
  complete: (step) => completeBatch(step as Parameters<typeof completeBatch>[0]),
  begin,
  proceed: withoutStart,
  head([first]) {
    return first?.event.case === 'started' ? first.event.value : undefined
  },
  observe,
  lengthOf,
  end: ({ n }) => new HoldBack(Math.max(1, n ?? 1), usageEvent),
  capped(request, most) {
    const asked = request.maxOutputTokens
    if (asked === undefined) return request
    const limit = most() ?? asked
    return asked <= limit ? request : { ...request, maxOutputTokens: limit }
  },
  fold: () => new Fold(),
  content: contentOf,
}

/** An answer begins with `started`, once, whatever its provider says: clients could not read another. */
function begin(batch: readonly ChatEvent[]): readonly ChatEvent[] {
  const [first, ...rest] = batch
  return first !== undefined && isStart(first) ? [first, ...withoutStart(rest)] : [started({}), ...withoutStart(batch)]
}

function withoutStart(batch: readonly ChatEvent[]): readonly ChatEvent[] {
  return batch.some(isStart) ? batch.filter((event) => !isStart(event)) : batch
}

function isStart({ event }: ChatEvent): boolean {
  return event.case === 'started'
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
