import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import type { ChatDecoder, ClientDialect, MessageReader, SseMessage } from '../dialects/contract.ts'
import { sseReader } from '../dialects/sse.ts'
import { GatewayError } from '../error/index.ts'
import { conceal, secretsOf } from './conceal.ts'
import type { CallContext } from './contract.ts'
import type { UpstreamResponse } from './egress.ts'
import { HalfPairs } from './half-pairs.ts'
import { idOf, requireSuccess } from './upstream-http.ts'

/** Makes the decoder of an answer, once it is known whether it can be handed through, and what the upstream calls it. */
type DecoderFor = (passThrough: boolean, upstreamRequestId: string) => ChatDecoder

/**
 * The events of an answer, whole or streamed. It is handed through as it comes where `passThrough` is set and it is streamed exactly when
 * that was asked. Throws what an answer that is no success means.
 */
export async function* readAnswer<Options>(
  dialect: ClientDialect<Options>,
  response: UpstreamResponse,
  context: CallContext,
  passThrough: boolean,
  decoderFor: DecoderFor,
): AsyncGenerator<readonly ChatEvent[], void, void> {
  const secrets = secretsOf([context.credential])
  await requireSuccess({ dialect }, response, context)
  const reader = dialect.reader?.(response.header('content-type') ?? '', context.streaming)
  const streamed = reader !== undefined || isEventStream(response, context.streaming)
  const decoder = decoderFor(passThrough && streamed === context.streaming, idOf(response, secrets))
  try {
    if (!streamed) {
      const text = await response.text()
      yield new HalfPairs().mend(decoder.whole(text), text)
      return
    }
    yield* readStream(decoder, response, reader ?? sseReader())
  } catch (error) {
    throw error instanceof GatewayError ? conceal(secrets, error) : error
  }
}

/**
 * The events of a stream. One that breaks or fails tells its usage as far as it is known and then throws; one that fails before its
 * first event only throws, so that another target can be asked.
 */
async function* readStream(
  decoder: ChatDecoder,
  response: UpstreamResponse,
  reader: MessageReader,
): AsyncGenerator<readonly ChatEvent[], void, void> {
  const pairs = new HalfPairs()
  let begun = false
  let broken: unknown
  try {
    for await (const bytes of response.body) {
      const events = decodeAll(decoder, pairs, reader.read(bytes))
      begun ||= events.length > 0
      if (events.length > 0) yield events
      if (decoder.complete) break
    }
  } catch (error) {
    broken = error
  }
  const rest = broken === undefined ? decodeAll(decoder, pairs, reader.end()) : []
  const { events: last, failure } = decoder.end()
  const events = pairs.mend(last, '')
  const error = broken ?? failure
  if (error === undefined) yield [...rest, ...events]
  else {
    if (begun) yield [...rest, ...events.filter(({ event }) => event.case === 'usage')]
    throw error
  }
}

function decodeAll(decoder: ChatDecoder, pairs: HalfPairs, messages: readonly SseMessage[]): ChatEvent[] {
  const events: ChatEvent[] = []
  for (const message of messages) {
    if (!decoder.complete) events.push(...pairs.mend(decoder.event(message), message.data))
  }
  return events
}

/** The content type decides; without one, what was asked for does. */
function isEventStream(response: UpstreamResponse, asked: boolean): boolean {
  const type = response.header('content-type')
  if (type === undefined) return asked
  return type.includes('text/event-stream') || (asked && !type.includes('json'))
}
