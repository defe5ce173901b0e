import type { ChatEvent, ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, GatewayError, type Reason } from '../error/index.ts'
import { asked, becomesIdle, call, failureOf, inBothWays, isRunning, wordsOf } from './asking.ts'
import { type Check, demand, type DrillAfter, type Exam, NotSupported } from './contract.ts'

const longTask = 'Count from one to three hundred in words, one number a line.'
/** A field of a format that nobody speaks. */
const strangeField = 'conformance_kit_field'
const strangeFormat = 'conformance-kit'

/** What becomes of calls that are given up, cannot be carried out, or break. */
export const failureChecks: readonly Check[] = [
  { operation: 'chat', feature: 'cancellation before the first event', mandatory: true, run: endsBeforeTheFirst },
  { operation: 'chat', feature: 'cancellation within a stream', mandatory: true, run: endsWithin },
  { operation: 'chat', feature: 'a stream that is left', mandatory: true, run: endsWhenLeft },
  { operation: 'chat', feature: 'unknown model', mandatory: true, run: refusesUnknownModels },
  { operation: 'chat', feature: 'reasons of errors', mandatory: true, run: keepsReasons },
  { operation: 'chat', feature: 'broken answers', mandatory: true, run: showsWhatThereWas },
  { operation: 'chat', feature: 'dropped fields are named', mandatory: true, run: namesDropped },
  { operation: 'chat', feature: 'dropped fields are refused when strict', mandatory: true, run: refusesDropped },
]

async function endsBeforeTheFirst(exam: Exam): Promise<void> {
  const { hang } = exam.drills
  for (const streaming of [true, false]) {
    const controller = new AbortController()
    const reason = fail('client_closed', 'the client left')
    const request = asked(exam, longTask, hang === undefined ? {} : { model: hang })
    const failed = failureOf(call(exam, request, streaming, controller.signal))
    await (hang === undefined ? Promise.resolve() : isRunning(exam))
    controller.abort(reason)
    const { events, error } = await failed
    demand(hang === undefined || events.length === 0, 'a model that never answers has answered')
    demand(
      error === reason || (error === undefined && hang === undefined),
      `it throws ${wordsOf(error)} instead of the signal's reason`,
    )
    await becomesIdle(exam)
  }
}

async function endsWithin(exam: Exam): Promise<void> {
  const { hangAfter } = exam.drills
  const controller = new AbortController()
  const reason = fail('timeout', 'too slow', { timer: 'between_events' })
  const request = asked(exam, longTask, hangAfter === undefined ? {} : { model: hangAfter.model })
  const batches = call(exam, request, true, controller.signal)[Symbol.asyncIterator]()
  const deltas = (events: readonly ChatEvent[]) => events.filter(({ event }) => event.case === 'textDelta').length
  let heard = 0
  while (heard < (hangAfter?.deltas ?? 1)) {
    const step = await batches.next()
    demand(step.done !== true, 'the answer was over before it could be cancelled')
    heard += deltas(step.value)
  }
  const rest = failureOf({ [Symbol.asyncIterator]: () => batches })
  controller.abort(reason)
  const { error } = await rest
  const over = error === undefined && hangAfter === undefined
  demand(error === reason || over, `it throws ${wordsOf(error)} instead of the signal's reason`)
  await becomesIdle(exam)
}

async function endsWhenLeft(exam: Exam): Promise<void> {
  const { hangAfter } = exam.drills
  const request = asked(exam, longTask, hangAfter === undefined ? {} : { model: hangAfter.model })
  for await (const [first] of call(exam, request, true)) {
    demand(first?.event.case === 'started', `the first event is ${first?.event.case} instead of started`)
    break
  }
  await becomesIdle(exam)
}

const noSuchModel: ReadonlySet<Reason> = new Set(['model_not_found', 'not_found', 'invalid_request'])

async function refusesUnknownModels(exam: Exam): Promise<void> {
  const { kind, model: known } = exam.subject
  const slash = known.indexOf('/')
  const place = kind === 'gateway' && slash > 0 ? known.slice(0, slash + 1) : ''
  const request = asked(exam, 'hello', { model: `${place}no-such-model-of-the-conformance-kit` })
  for (const streaming of [true, false]) {
    const { events, error } = await failureOf(call(exam, request, streaming))
    if (error === undefined) throw new NotSupported('it answers whatever the model is called')
    demand(events.length === 0, 'it begins to answer before it refuses')
    const right = error instanceof GatewayError && noSuchModel.has(error.reason)
    demand(right, `it throws ${wordsOf(error)} instead of model_not_found, not_found or invalid_request`)
  }
}

/** What each status of an upstream means to the caller. */
const meaning: Readonly<Record<number, Reason>> = {
  400: 'invalid_request',
  401: 'provider_credential',
  403: 'provider_credential',
  404: 'not_found',
  408: 'request_timeout',
  409: 'conflict',
  413: 'payload_too_large',
  422: 'unprocessable',
  429: 'rate_limited',
  500: 'provider_error',
  503: 'provider_unavailable',
  529: 'provider_unavailable',
}
const passing: ReadonlySet<number> = new Set([408, 409, 429, 500, 503, 529])

async function keepsReasons(exam: Exam): Promise<void> {
  const known = exam.drills.statuses.filter(({ status }) => meaning[status] !== undefined)
  if (known.length === 0) throw new NotSupported('it lists no model that fails on purpose (status-429)')
  for (const { status, model } of known) {
    for (const streaming of [true, false]) {
      const { events, error } = await failureOf(call(exam, asked(exam, 'hello', { model }), streaming))
      demand(events.length === 0, `${model}: it begins to answer before it fails`)
      demand(error instanceof GatewayError, `${model}: it throws ${wordsOf(error)}, which has no reason`)
      demand(error.reason === meaning[status], `${model}: it throws ${wordsOf(error)} instead of ${meaning[status]}`)
      demand(error.retryable === passing.has(status), `${model}: it is wrong about whether to try again`)
      const { retryAfterSeconds = 0 } = error.details
      demand(status !== 429 || retryAfterSeconds > 0, `${model}: when to try again is lost`)
    }
  }
}

async function showsWhatThereWas(exam: Exam): Promise<void> {
  const { cutAfter, errorAfter } = exam.drills
  if (cutAfter === undefined && errorAfter === undefined)
    throw new NotSupported('it lists no model whose answer breaks off (cut-after-3, error-after-3)')
  if (cutAfter !== undefined) await breaksWith(exam, cutAfter, 'provider_interrupted')
  if (errorAfter !== undefined) await breaksWith(exam, errorAfter, 'provider_error')
}

async function breaksWith(exam: Exam, { model, deltas }: DrillAfter, reason: Reason): Promise<void> {
  const request = asked(exam, 'hello', { model })
  const streamed = await failureOf(call(exam, request, true))
  const heard = streamed.events.map(({ event }) => event.case).join(' ')
  const expected = ['started', ...Array.from({ length: deltas }, () => 'textDelta')].join(' ')
  demand(heard.replace(/ usage$/, '') === expected, `${model}: a stream gave "${heard}" before it broke off`)
  const whole = await failureOf(call(exam, request, false))
  demand(whole.events.length === 0, `${model}: a whole answer that broke off was given`)
  for (const { error } of [streamed, whole]) {
    const right = error instanceof GatewayError && error.reason === reason
    demand(right, `${model}: it throws ${wordsOf(error)} instead of ${reason}`)
  }
  await becomesIdle(exam)
}

/** What nobody can carry: a tool that only a provider of another format runs, and a field that only its clients know. */
function impossible(exam: Exam, strict: boolean): ChatRequest {
  const tools = [{ kind: { case: 'provider' as const, value: { dialect: strangeFormat, definition: {} } } }]
  const source = { dialect: strangeFormat, untranslated: [strangeField] }
  return asked(exam, 'hello', { strict, tools, source })
}

async function namesDropped(exam: Exam): Promise<void> {
  await inBothWays(exam, impossible(exam, false), ({ dropped }, way) => {
    const named = dropped.some((path) => path.startsWith('tools'))
    demand(named, `${way}: a tool that only another format has is not named in dropped`)
    demand(dropped.includes(strangeField), `${way}: a field that only another format has is not named in dropped`)
  })
}

async function refusesDropped(exam: Exam): Promise<void> {
  for (const streaming of [true, false]) {
    const { events, error } = await failureOf(call(exam, impossible(exam, true), streaming))
    demand(events.length === 0, 'it begins to answer before it refuses')
    const right = error instanceof GatewayError && error.reason === 'unsupported_field'
    demand(right, `it throws ${wordsOf(error)} instead of unsupported_field`)
    demand(error.message.includes('tools'), 'the error does not name the field')
  }
}
