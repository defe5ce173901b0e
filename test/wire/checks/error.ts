import { Code, ConnectError } from '@connectrpc/connect'
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from 'openai'
import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { asMap, asText, bodyBytes, bodyKind, saysDone, streamValues } from '../case.ts'
import { differences, firstDifference } from '../compare.ts'
import { type Fault, statusesFor } from '../fault.ts'
import { type ChoiceReading, type Reading, readCompletions } from '../meaning.ts'
import { rpcPatience, rpcTurn, toldByEvents } from './canonical.ts'
import { oneDelivery, seedOf } from './deliveries.ts'
import { contentOf } from './dialects.ts'
import { askTurn, type HttpAnswer, patience, type RestDialect, restDialects } from './http.ts'
import { type Line, modelName, plainTurn, type Probe, type Subject } from './probe.ts'
import { errorTold, frameTold, type ErrorTold } from './refusing.ts'
import { toldByCompletions, toldByPlatformEvents, toldByUpstream } from './telling.ts'

/** A recorded error comes back as the caller may see it: in each dialect's shape, to the SDK, and over gRPC. */
export function errorProbes(subject: Subject): Probe[] {
  const { wireCase, verdict } = subject
  if (verdict.kind === 'answer') return []
  const probe = (label: string, run: Probe['run']): Probe => {
    const pieces = oneDelivery(wireCase.response, seedOf(`${label} ${wireCase.id}`))
    return { check: 'error', label, pieces, run }
  }
  return [
    ...restDialects.map((dialect) => probe(dialect, (line) => judgeRest(dialect, subject, line))),
    probe('sdk', (line) => judgeSdk(subject, line)),
    probe('grpc', (line) => judgeRpc(subject, line)),
  ]
}

async function judgeRest(dialect: RestDialect, subject: Subject, line: Line): Promise<string[]> {
  const { verdict, streaming } = subject
  if (verdict.kind === 'answer') return []
  const answer = await askTurn(dialect, line, streaming)
  const leaks = leaksIn(subject, line, `${answer.text}\n${JSON.stringify([...answer.headers])}`)
  if (verdict.kind === 'broken' && answer.status === 200) return [...leaks, ...judgeBroken(dialect, subject, answer)]
  if (verdict.kind === 'broken' && saysSomething(verdict.values)) {
    return [`answered ${answer.status} although the answer had begun: ${answer.text.slice(0, 200)}`]
  }
  return [...leaks, ...judgeRefusal(dialect, verdict.fault, answer)]
}

/** Whether chunks before an error say anything a client could have seen. */
function saysSomething(values: readonly unknown[]): boolean {
  return readCompletions(values).choices.some(hasContent)
}

function hasContent({ text, reasoning, refusal, toolCalls }: ChoiceReading): boolean {
  return text + reasoning + refusal !== '' || toolCalls.length > 0
}

/** A refusal: an HTTP error with the right status, the dialect's shape, the vendor's words, and the headers that go with it. */
function judgeRefusal(dialect: RestDialect, fault: Fault, answer: HttpAnswer): string[] {
  const allowed = statusesFor(fault)
  // The sgp page has one status for requests that are not as they should be.
  const statuses = dialect === 'sgp' && allowed.includes(400) ? [...allowed, 422] : allowed
  if (!statuses.includes(answer.status))
    return [`answered ${answer.status}, not ${statuses.join(' or ')}: ${answer.text.slice(0, 300)}`]
  const told = errorTold(dialect, answer)
  const type = answer.headers.get('content-type') ?? ''
  return [
    ...(type.startsWith('application/json') ? [] : [`content-type of the error is "${type}"`]),
    ...told.problems,
    ...wordsMissing(fault, answer.status, told),
    ...retryHeaders(fault, answer),
  ]
}

/** What the caller can act on is passed on in the vendor's words, once URLs, hosts and credentials are out of it. */
export function wordsMissing({ message }: Fault, status: number, { message: told }: ErrorTold): string[] {
  if (![400, 404, 409, 413, 415, 422].includes(status)) return []
  const words = message.replaceAll(/\S*[:/@\\]\S*/g, ' ').match(/\p{L}{4,}/gu) ?? []
  const kept = words.filter((word) => told.includes(word))
  return kept.length * 2 >= words.length ? [] : [`the vendor's message is lost: "${told}", recorded "${message}"`]
}

/** What is wrong with the headers that say whether and when to try again. */
export function retryHeaders({ status, retryAfter }: Fault, answer: HttpAnswer): string[] {
  const seconds = answer.headers.get('retry-after')
  const useless = [400, 401, 402, 403, 404, 413, 415, 422].includes(status)
  const wanted = status === 429 && retryAfter !== undefined ? String(Math.ceil(retryAfter)) : undefined
  return [
    ...(wanted !== undefined && seconds !== wanted ? [`Retry-After is ${seconds}, recorded ${retryAfter}`] : []),
    ...(useless && answer.headers.get('x-should-retry') !== 'false' ? ['x-should-retry is not false'] : []),
  ]
}

/** A broken stream: what was said before is there, then the dialect's error frame and nothing that ends a good stream. */
function judgeBroken(dialect: RestDialect, { verdict }: Subject, answer: HttpAnswer): string[] {
  if (verdict.kind !== 'broken') return []
  const events = streamValues(answer.text)
  const before = events.slice(0, -1).map(({ value }) => value)
  const { problems } = frameTold(dialect, events.at(-1), verdict.fault)
  const done = saysDone(answer.text)
  switch (dialect) {
    case 'openai': {
      const difference = firstDifference(verdict.values, before)
      return [
        ...(difference === undefined ? [] : [`before the error: ${difference}`]),
        ...problems,
        ...(done ? ['[DONE] after an error'] : []),
      ]
    }
    case 'platform': {
      const maps = before.map((value) => asMap(value) ?? {})
      const stopped = maps.some(({ type }) => type === 'message_stop')
      return [
        ...differences(unfinished(verdict.values), contentOf(toldByPlatformEvents(maps))),
        ...problems,
        ...(stopped ? ['message_stop before the error'] : []),
      ]
    }
    case 'scaigrid':
      return [
        ...differences(unfinished(verdict.values), contentOf(toldByCompletions(before))),
        ...problems,
        ...(done ? [] : ['no [DONE] after the error']),
      ]
    case 'sgp':
      return [
        ...differences(
          unfinished(verdict.values),
          contentOf(toldByUpstream(before.map((value) => asMap(value)?.['response']))),
        ),
        ...problems,
      ]
    default:
      return dialect satisfies never
  }
}

/** What a broken answer said as far as it came, without its usage. */
function unfinished(values: readonly unknown[]): Reading {
  const { usage: _usage, ...reading } = readCompletions(values)
  return { ...reading, choices: reading.choices.filter(hasContent) }
}

const exceptions: Readonly<Record<number, new (...made: never) => Error>> = {
  400: BadRequestError,
  401: AuthenticationError,
  403: PermissionDeniedError,
  404: NotFoundError,
  409: ConflictError,
  422: UnprocessableEntityError,
  429: RateLimitError,
  500: InternalServerError,
  502: InternalServerError,
  503: InternalServerError,
  504: InternalServerError,
}

/** The official SDK raises the exception of the error's status; inside a stream, after the chunks before it. */
async function judgeSdk({ verdict, streaming }: Subject, line: Line): Promise<string[]> {
  if (verdict.kind === 'answer') return []
  const client = new OpenAI({
    apiKey: 'client',
    baseURL: `${line.origin}/v1`,
    maxRetries: 0,
    timeout: patience,
    logLevel: 'off',
  })
  const request = {
    model: modelName(line),
    messages: plainTurn.map(({ content }) => ({ role: 'user' as const, content })),
  }
  const seen: unknown[] = []
  try {
    if (!streaming) await client.chat.completions.create(request)
    else for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) seen.push(chunk)
  } catch (thrown) {
    if (verdict.kind === 'broken') return sdkBroken(verdict.values, seen, thrown)
    return sdkRefusal(statusesFor(verdict.fault), thrown)
  }
  return ['the official SDK took the error for an answer']
}

function sdkRefusal(statuses: readonly number[], thrown: unknown): string[] {
  if (!(thrown instanceof APIError)) return [`the official SDK threw ${String(thrown)}`]
  const wanted = exceptions[Number(thrown.status)] ?? APIError
  const right = statuses.includes(Number(thrown.status)) && thrown instanceof wanted
  return right
    ? []
    : [`the official SDK threw ${thrown.constructor.name} ${thrown.status}, not ${statuses.join(' or ')}`]
}

function sdkBroken(before: readonly unknown[], seen: readonly unknown[], thrown: unknown): string[] {
  const difference = firstDifference(before, seen)
  const early = !saysSomething(before) && seen.length === 0
  return [
    ...(thrown instanceof APIError ? [] : [`the official SDK threw ${String(thrown)} inside the stream`]),
    ...(difference === undefined || early ? [] : [`before the error: ${difference}`]),
  ]
}

const codes: Readonly<Record<number, readonly Code[]>> = {
  400: [Code.InvalidArgument],
  404: [Code.NotFound],
  408: [Code.DeadlineExceeded],
  409: [Code.Aborted],
  413: [Code.ResourceExhausted],
  415: [Code.InvalidArgument],
  422: [Code.InvalidArgument],
  429: [Code.ResourceExhausted],
  502: [Code.Unavailable, Code.FailedPrecondition],
  503: [Code.Unavailable],
  504: [Code.DeadlineExceeded],
}

async function judgeRpc(subject: Subject, line: Line): Promise<string[]> {
  const { verdict, streaming } = subject
  if (verdict.kind === 'answer') return []
  const events: ChatEvent[] = []
  try {
    if (!streaming) await line.grpc.chat(rpcTurn(line), rpcPatience())
    else for await (const event of line.grpc.streamChat(rpcTurn(line), rpcPatience())) events.push(event)
  } catch (thrown) {
    const error = ConnectError.from(thrown)
    const partial =
      verdict.kind === 'broken' ? differences(unfinished(verdict.values), contentOf(toldByEvents(events))) : []
    return [...partial, ...rpcError(verdict.fault, error), ...leaksIn(subject, line, error.message)]
  }
  return ['gRPC ended with OK']
}

/** What is wrong with an error over RPC: its code, its reason, its time to wait. */
export function rpcError(fault: Fault, error: ConnectError): string[] {
  const allowed = statusesFor(fault).flatMap((status) => codes[status] ?? [])
  const info = error.findDetails(ErrorInfoSchema)[0]
  const credential = [401, 402, 403].includes(fault.status) && info?.reason !== 'provider_credential'
  const seconds = info?.metadata['retry_after_seconds']
  const wait = fault.status === 429 && fault.retryAfter !== undefined ? String(Math.ceil(fault.retryAfter)) : undefined
  return [
    ...(allowed.includes(error.code) ? [] : [`gRPC code is ${Code[error.code]}: ${error.rawMessage}`]),
    ...(asText(info?.reason) === '' ? ['gRPC error has no ErrorInfo with a reason'] : []),
    ...(credential ? [`gRPC reason is ${info?.reason}, not provider_credential`] : []),
    ...(wait !== undefined && seconds !== wait
      ? [`retry_after_seconds is ${seconds}, recorded ${fault.retryAfter}`]
      : []),
  ]
}

const noFault: Fault = { status: 0, message: '', exact: true }

/** Anything in an answer that is the upstream's or the gateway's own business: addresses, keys, URLs, a whole body. */
function leaksIn({ wireCase: { response }, verdict }: Subject, line: Line, text: string): string[] {
  const body = bodyBytes(response).toString().trim()
  const urls = verdict.kind === 'refused' ? (body.match(/https?:\/\/[\w.-]+/g) ?? []) : []
  const hosts = urls.map((url) => url.replace(/^https?:\/\//, ''))
  // Plain text may be the vendor's message itself, where that is passed on.
  const quotable =
    bodyKind(response) === 'bodyText' && statusesFor({ ...noFault, status: response.status })[0] === response.status
  const whole = bodyKind(response) !== 'sse' && !quotable && body.length > 40 ? [body] : []
  const found = [...line.hidden, ...urls, ...hosts, ...whole].filter((secret) => text.includes(secret))
  return [...new Set(found)].map((secret) => `the error shows "${secret.slice(0, 60)}"`)
}
