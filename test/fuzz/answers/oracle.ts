import { equals, fromBinary, toBinary, toJson } from '@bufbuild/protobuf'
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc'
import { type ChatEvent, ChatEventSchema, ChatResponseSchema } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { ClientDialect } from '../../../src/dialects/contract.ts'
import { serverDialects } from '../../../src/dialects/servers.ts'
import { type GatewayError, toConnectError } from '../../../src/error/index.ts'
import { Fold } from '../../../src/model/collect.ts'
import { Fault, never, onlyGatewayError, requireCleanPrototypes } from '../fault.ts'
import type { Answer } from './answer.ts'
import { type AnswerFormat, saidItsEnd } from './ends.ts'
import type { Outcome } from './outcome.ts'
import { requireWritten } from './written.ts'

/** Throws a fault unless everything that is promised of any answer, however bad, holds of this one. */
export function requirePromises(format: AnswerFormat, answer: Answer, outcome: Outcome): void {
  const { batches, error, records, wire } = outcome
  const events = batches.flat()
  if (error === undefined && !saidItsEnd(format, answer, wire.given))
    throw new Fault('cut passes for complete', 'the answer ended normally, and nothing in it said that it is over')
  if (records.length !== 1) throw new Fault('settlement', `the call was settled ${records.length} times`)
  for (const { usage } of records) requireTold(usage, format !== 'contract')
  if (error === undefined) requireSameUsage(events, records[0]?.usage)
  // Who implements the contract keeps its order, or not: the gateway does not mend it.
  if (format !== 'contract') {
    requireOrder(events, error === undefined)
    for (const event of events) requireWellFormed(event)
  }
  requireContract(batches, format !== 'contract')
  if (error !== undefined) requireShown(error)
  requireWritten(format, answer, outcome)
  requireCleanPrototypes()
}

/** What the same bytes are as the answer to a question of how many tokens there are: a count, or an error of the gateway's. */
export function requireCount<Options>({ count, name }: ClientDialect<Options>, text: string): void {
  if (count === undefined) return
  try {
    const tokens = count.decodeCount(text)
    if (!(Number.isInteger(tokens) && tokens >= 0 && tokens <= 0xffff_ffff))
      throw new Fault('count', `${name} counted ${tokens} tokens`)
  } catch (thrown) {
    onlyGatewayError('uncaught', thrown)
  }
}

/** `started`, then pieces, then the end of each choice, then the usage: each of the last three at most once. */
function requireOrder(events: readonly ChatEvent[], complete: boolean): void {
  const cases = events.map(({ event }) => event.case)
  if (cases.lastIndexOf('started') > 0 || (cases.length > 0 && cases[0] !== 'started'))
    throw new Fault('order', `started is not the one first event: ${cases.slice(0, 9).join(' ')}`)
  const finishes = events.filter(({ event }) => event.case === 'finished').map(({ choice }) => choice)
  if (complete !== finishes.length > 0)
    throw new Fault('order', `${finishes.length} choices finished, complete: ${complete}`)
  if (new Set(finishes).size !== finishes.length) throw new Fault('order', 'a choice finished twice')
  const after = cases.slice(cases.indexOf('finished')).filter((name) => name !== 'finished' && name !== 'usage')
  if (complete && after.length > 0) throw new Fault('order', `after the end came ${after.join(' ')}`)
  const usages = cases.filter((name) => name === 'usage').length
  if (usages > 1 || (complete && cases.at(-1) !== 'usage')) throw new Fault('order', `usage came ${usages} times`)
  requireCalls(events)
}

/** The calls of a choice count from zero without gaps. */
function requireCalls(events: readonly ChatEvent[]): void {
  const seen = new Map<number, number>()
  for (const { event, choice } of events) {
    if (event.case !== 'toolCallDelta') continue
    const next = seen.get(choice) ?? 0
    if (event.value.index > next) throw new Fault('order', `call ${event.value.index} came when ${next} was next`)
    if (event.value.index === next) seen.set(choice, next + 1)
  }
}

function requireWellFormed({ event }: ChatEvent): void {
  if (event.case === 'usage') requireCounts(event.value)
  if (event.case === 'toolCallDelta') {
    const { id, name, argumentsJson } = event.value
    for (const text of [id, name, argumentsJson])
      if (typeof text !== 'string') throw new Fault('type', `a tool call has a ${typeof text} for a text`)
  }
}

/** Every number of it is a count, and no part is more than the whole. */
function requireCounts(usage: Usage): void {
  for (const [name, value] of Object.entries(usage)) {
    if (
      typeof value === 'number' &&
      !(value >= 0 && value <= 0xffff_ffff && (Number.isInteger(value) || /Seconds/.test(name)))
    )
      throw new Fault('count', `${name} is ${value}`)
  }
  const { inputTokens, outputTokens, cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens, reasoningTokens } = usage
  if (cacheReadTokens + cacheWrite5mTokens + cacheWrite1hTokens > inputTokens)
    throw new Fault('count', `the cache has more than the ${inputTokens} tokens of the input`)
  if (reasoningTokens > outputTokens)
    throw new Fault('count', `more reasoning than the ${outputTokens} tokens of the output`)
}

/** What is recorded is known, or says that it is estimated: a usage that nobody can read is not free. */
function requireTold({ estimated, inputUnknown, outputUnknown, raw }: Usage, isRead: boolean): void {
  if (inputUnknown || outputUnknown) throw new Fault('usage', 'a total is recorded as unknown')
  if (isRead && !estimated && raw !== undefined && !/\d/.test(JSON.stringify(Object.values(raw))))
    throw new Fault('usage', 'it was read from an object without a number')
}

/** What the client is told last is the very object that is recorded. */
function requireSameUsage(events: readonly ChatEvent[], recorded: Usage | undefined): void {
  const told = events.findLast(({ event }) => event.case === 'usage')?.event.value
  if (told !== recorded) throw new Fault('usage', 'the client was told another than is recorded')
}

/** The error can be told in every dialect and protocol. */
function requireShown(error: GatewayError): void {
  if (!error.message.isWellFormed()) throw new Fault('error', 'its message is no Unicode')
  for (const dialect of serverDialects) {
    const body = never(`error for ${dialect.name}`, () => dialect.errorBody(error, 'req-1'))
    never(`error for ${dialect.name}`, () => JSON.parse(body) as unknown)
  }
  const trailers = never('error for gRPC', () => setTrailerStatus(new Headers(), toConnectError(error, 'req-1')))
  if ([...trailers].flat().join('').length > 8192)
    throw new Fault('error for gRPC', 'it is longer than a header may be')
}

/** The events, and the answer they fold to, can be sent in both codecs of the contract. */
function requireContract(batches: Outcome['batches'], readable: boolean): void {
  const fold = new Fold()
  for (const batch of batches) fold.add(batch)
  for (const event of batches.flat()) {
    never(`binary ${event.event.case}`, () => toBinary(ChatEventSchema, event))
    never(`json ${event.event.case}`, () => toJson(ChatEventSchema, event))
  }
  const response = never('fold', () => fold.response())
  never('json response', () => toJson(ChatResponseSchema, response))
  const bytes = never('binary response', () => toBinary(ChatResponseSchema, response))
  // Readers of protobuf go a hundred messages deep; the codecs that a remote provider's answer comes through let nothing deeper in.
  if (!readable) return
  const again = never('binary again', () => fromBinary(ChatResponseSchema, bytes))
  if (!equals(ChatResponseSchema, response, again))
    throw new Fault('other in binary', 'the answer does not survive its own encoding')
}
