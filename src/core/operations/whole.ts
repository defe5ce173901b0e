import { create, type DescMessage, isMessage } from '@bufbuild/protobuf'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { OperationName, Operations } from '../../dialects/operation.ts'
import { rawOf } from '../../dialects/scalars.ts'
import { fail } from '../../error/index.ts'
import { usage } from '../../model/usage.ts'
import type { CallContext, Provider } from '../../provider/contract.ts'
import { messagesContent } from '../content.ts'
import { type End, type Operation, tellUsage } from '../operation.ts'
import { nothing } from './nothing.ts'

/** What an answer that comes at once has, whatever was asked. */
interface Answered {
  usage?: Usage | undefined
  upstreamRequestId: string
  readonly dropped: string[]
}

/** The names of the operations that are answered at once. */
type WholeName = {
  [Name in OperationName]: Operations[Name]['response'] extends Operations[Name]['event'] & Answered ? Name : never
}[OperationName]

/** What differs between the operations that are answered at once. */
interface Whole<Name extends WholeName> {
  readonly name: Name
  readonly verb: string
  readonly slow: boolean
  readonly paidLater?: boolean
  readonly wordless?: boolean
  readonly request: DescMessage
  readonly response: DescMessage
  readonly offeredBy: (provider: Provider) => boolean
  readonly ask: (
    provider: Provider,
    request: Operations[Name]['request'],
    context: CallContext,
  ) => Promise<unknown> | undefined
  /** The request as it is kept where an account wants that, where it is not kept whole. */
  readonly kept?: (request: Operations[Name]['request']) => Operations[Name]['request']
  readonly lengthOf: (request: Operations[Name]['request']) => number
  /** Units that the gateway can count for itself: a usage that lacks them is given them. */
  readonly units?: (
    request: Operations[Name]['request'],
    response: Operations[Name]['response'],
  ) => Partial<Pick<Usage, 'images' | 'audioSeconds' | 'videoSeconds' | 'characters'>>
}

/** An operation whose answer comes at once: its one event is the answer. */
export function wholeOperation<Name extends WholeName>(given: Whole<Name>): Operation<Name> {
  type Event = Operations[Name]['event']
  const answered = (events: readonly Event[]): (Event & Answered) | undefined => events[0]
  return {
    name: given.name,
    verb: given.verb,
    slow: given.slow,
    paidLater: given.paidLater === true,
    wordless: given.wordless === true,
    offeredBy: given.offeredBy,
    ask: (provider, request, context) => once(given.ask(provider, request, context)),
    complete: (step) => [complete(given.response, step) as Event],
    begin: (batch) => batch,
    // A second answer is none.
    proceed: () => [],
    head: answered,
    observe(batch, tally, request) {
      const answer = answered(batch)
      if (answer === undefined) return
      tally.complete = true
      if (given.paidLater === true) answer.usage ??= usage({})
      if (answer.usage !== undefined) tellUsage(tally, answer.usage)
      const units = given.units?.(request, answer)
      if (tally.usage === undefined || units === undefined) return
      for (const [name, count] of Object.entries(units)) {
        const unit = name as keyof typeof units
        if (tally.usage[unit] === 0) tally.usage[unit] = count
      }
    },
    lengthOf: given.lengthOf,
    end: (request) => new WholeEnd<Event & Answered>((answer) => given.units?.(request, answer) ?? {}),
    fold: () => new LastOf<Event>(),
    content: (request, response) =>
      messagesContent(given.request, given.kept?.(request) ?? request, given.response, response),
  }
}

async function* once(answer: Promise<unknown> | undefined): AsyncGenerator<unknown, void, void> {
  yield await answer
}

/** What a provider gave as a message of the contract. Throws `provider_error` for what is none. */
function complete(schema: DescMessage, given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return nothing()
  const message = isMessage(given, schema) ? given : create(schema, given as Record<string, unknown>)
  const { usage: told } = message as unknown as Answered
  if (told?.raw !== undefined) {
    const raw = rawOf(told.raw)
    if (raw === undefined) delete told.raw
    else told.raw = raw
  }
  return message
}

/** The whole answer is held back: all of it is the end. */
class WholeEnd<Event extends Answered> implements End<Event> {
  readonly held: Event[] = []
  readonly #units: (answer: Event) => Partial<Usage>

  constructor(units: (answer: Event) => Partial<Usage>) {
    this.#units = units
  }

  pass(batch: readonly Event[]): readonly Event[] {
    this.held.push(...batch)
    return []
  }

  addUsage(told: Usage): void {
    const [answer] = this.held
    if (answer !== undefined) answer.usage = Object.assign(told, this.#units(answer))
  }
}

class LastOf<Event> {
  #last: Event | undefined

  add(batch: readonly Event[]): void {
    this.#last = batch.at(-1) ?? this.#last
  }

  response(): Event {
    if (this.#last === undefined) throw fail('provider_error', 'the provider ended without an answer')
    return this.#last
  }
}
