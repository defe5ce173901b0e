import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import type { ClientDialect, Ending, MessageReader } from '../../../src/dialects/contract.ts'
import { sseReader } from '../../../src/dialects/sse.ts'
import { bodyBytes, type CaseResponse } from '../case.ts'
import { inOddPieces } from '../upstream.ts'

/** What a client half makes of a recorded answer, fed in small odd pieces where it is a stream. Throws what a whole answer throws. */
export function decodeRecorded<Options>(dialect: ClientDialect<Options>, response: CaseResponse, seed = 1): Ending {
  const decoder = dialect.decodeChat({ dropped: [], passThrough: false }, dialect.defaults, 'request-1')
  const whole = response.body !== undefined || response.bodyText !== undefined
  if (whole) return { events: decoder.whole(bodyBytes(response).toString()) }
  return decodeBytes(dialect, inOddPieces(response, seed), response.headers['content-type'] ?? '', decoder)
}

/** What a client half makes of a stream that arrives in these pieces. */
export function decodeBytes<Options>(
  dialect: ClientDialect<Options>,
  pieces: Iterable<Uint8Array>,
  contentType: string,
  decoder = dialect.decodeChat({ dropped: [], passThrough: false }, dialect.defaults, 'request-1'),
): Ending {
  const reader: MessageReader = dialect.reader?.(contentType, true) ?? sseReader()
  const events: ChatEvent[] = []
  for (const piece of pieces) for (const message of reader.read(piece)) events.push(...decoder.event(message))
  for (const message of reader.end()) events.push(...decoder.event(message))
  const { events: rest, failure } = decoder.end()
  return { events: [...events, ...rest], ...(failure !== undefined && { failure }) }
}
