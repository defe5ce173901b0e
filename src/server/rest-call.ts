import type { CallInput, Cancellable, Core, OpenedCall, Principal } from '../core/contract.ts'
import { timedOut } from '../core/deadline.ts'
import { traceHeadersOf } from '../core/trace.ts'
import type { CountRoute, JsonBody, RequestFacts, Served, ServerDialect } from '../dialects/contract.ts'
import type { Ask, AskOf, OperationName, Operations, StreamedAnswer, WholeAnswer } from '../dialects/operation.ts'
import { parseBody } from '../dialects/json.ts'
import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import { refuseDropped } from '../provider/upstream-http.ts'
import { decodeUtf8, readBody } from './body.ts'
import { cutOff, headerOf, isGone, queryOf, Reply, tokenOf } from './reply.ts'
import type { PathParams } from '../dialects/path-table.ts'
import type { Reading } from '../dialects/reading.ts'
import type { OpenCalls } from './open-calls.ts'
import { originOf } from './origin.ts'
import { requestIdsOf } from './request-id.ts'
import { readUpload, type UploadLimits } from './upload.ts'
import type { NodeRequest, NodeResponse } from './guard.ts'

/** What serving calls over HTTP needs. */
export interface CallEdgeOptions {
  readonly core: Core
  /** Most bytes of a body. */
  readonly bodyBytes: number
  /** Where the files of forms are kept while they are read, and most bytes of one. */
  readonly uploads: Pick<UploadLimits, 'folder' | 'bytes'>
  /** Milliseconds a client may pause in sending its body. */
  readonly bodyIdleMs: number
  /** Milliseconds a client may leave what was written to it unread. */
  readonly writeMs: number
  /** Calls that are open, so that a stop can end them. */
  readonly open: OpenCalls
  cors(request: NodeRequest): Readonly<Record<string, string>>
}

/** Serves one request of a route that asks a model, from its first header to its last byte. Never throws. */
export async function serveCall(
  options: CallEdgeOptions,
  dialect: ServerDialect,
  route: Reading,
  request: NodeRequest,
  response: NodeResponse,
  params: PathParams,
): Promise<void> {
  const arrivedAt = performance.now()
  const ids = requestIdsOf(headerOf(request, 'x-request-id'))
  const reply = new Reply(request, response, dialect, ids.requestId, options.cors(request))
  const { core } = options
  let principal: Principal | undefined
  let begun = false
  try {
    principal = core.authenticate(tokenOf(request, dialect))
    const facts = { ...factsOf(request, ids.requestId, params), operationsOf: core.operationsOf }
    const { ask, bytes } = await readAsk(options, dialect, route, request, facts)
    const trace = traceHeadersOf((name) => headerOf(request, name))
    const known = { ...ids, dialect: dialect.name, principal, arrivedAt, requestBytes: bytes, trace }
    begun = true
    await answer<OperationName>(options, ask, known, reply, response)
  } catch (thrown) {
    const error = asGatewayError(thrown)
    if (!begun) core.refuse({ ...ids, dialect: dialect.name, operation: route.operation, principal, arrivedAt, error })
    reply.fail(error)
  }
}

/** Serves one request of a route that counts. Never throws. */
export async function serveCount(
  options: CallEdgeOptions,
  dialect: ServerDialect,
  route: CountRoute,
  request: NodeRequest,
  response: NodeResponse,
  params: PathParams,
): Promise<void> {
  const arrivedAt = performance.now()
  const ids = requestIdsOf(headerOf(request, 'x-request-id'))
  const reply = new Reply(request, response, dialect, ids.requestId, options.cors(request))
  const { core } = options
  const controller = new AbortController()
  const leave = (): void => controller.abort(fail('client_closed', 'the client left before the answer was complete'))
  response.once('close', leave)
  let principal: Principal | undefined
  let begun = false
  try {
    principal = core.authenticate(tokenOf(request, dialect))
    const { body, bytes } = await readJson(options, dialect, request)
    const { signal } = controller
    const trace = traceHeadersOf((name) => headerOf(request, name))
    const known = { ...ids, dialect: dialect.name, principal, arrivedAt, requestBytes: bytes, trace }
    const asked = route.decode(body, factsOf(request, ids.requestId, params))
    if (isStrict(request)) asked.strict = true
    begun = true
    const count = await core.countTokens({ ...known, request: asked, signal })
    const estimated = count.estimated ? { 'x-switchyard-estimated': 'true' } : {}
    reply.json(200, route.encode(count), undefined, count.dropped, estimated)
  } catch (thrown) {
    const error = asGatewayError(thrown)
    if (!begun) core.refuse({ ...ids, dialect: dialect.name, operation: 'count_tokens', principal, arrivedAt, error })
    reply.fail(error)
  } finally {
    response.off('close', leave)
  }
}

/** Reads a JSON body, as the dialect takes it, and tells its bytes. Throws `unsupported_media_type`, `payload_too_large` and `invalid_request`. */
export async function readJson(
  options: CallEdgeOptions,
  dialect: ServerDialect,
  request: NodeRequest,
): Promise<{ readonly body: JsonBody; readonly bytes: number }> {
  requireJson(headerOf(request, 'content-type'))
  const bytes = await readBody(request, { bytes: options.bodyBytes, idleMs: options.bodyIdleMs })
  return { body: parseBody(decodeUtf8(bytes), dialect.passThrough), bytes: bytes.length }
}

/** Reads the question, from JSON or from a form, and tells the bytes of the body. */
async function readAsk(
  options: CallEdgeOptions,
  dialect: ServerDialect,
  route: Reading,
  request: NodeRequest,
  facts: RequestFacts,
): Promise<{ readonly ask: Ask; readonly bytes: number }> {
  const { form } = route
  if (form !== undefined && (form.alone || isForm(headerOf(request, 'content-type')))) {
    await using upload = await readUpload(request, {
      ...options.uploads,
      files: form.files,
      idleMs: options.bodyIdleMs,
    })
    return { ask: strictly(await form.decode(upload, facts), request), bytes: upload.bytes }
  }
  const { body, bytes } = await readJson(options, dialect, request)
  return { ask: strictly(route.decode(body, facts), request), bytes }
}

function strictly(ask: Ask, request: NodeRequest): Ask {
  if (isStrict(request) && 'strict' in ask.request) {
    ask.request.strict = true
    refuseDropped(ask.request, ask.dropped ?? [])
  }
  return ask
}

/** Whether the client wants an error instead of an answer to less than it asked. */
function isStrict(request: NodeRequest): boolean {
  return headerOf(request, 'x-switchyard-strict') === 'true'
}

/** What routes may know of a request. */
export function factsOf(
  request: NodeRequest,
  requestId: string,
  params: Readonly<Record<string, string>>,
): RequestFacts {
  return {
    requestId,
    params,
    header: (name) => headerOf(request, name),
    query: queryOf(request),
    origin: () => originOf(request),
  }
}

function isForm(contentType: string | undefined): boolean {
  return contentType !== undefined && /^multipart\/form-data\b/i.test(contentType)
}

function requireJson(contentType: string | undefined): void {
  if (contentType !== undefined && /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(contentType)) return
  throw fail('unsupported_media_type', 'the content type must be application/json')
}

/** What is known of a request beside its question. */
type Known = Omit<CallInput<OperationName>, 'request' | 'streaming'>

async function answer<Name extends OperationName>(
  options: CallEdgeOptions,
  ask: AskOf<Name>,
  known: Known,
  reply: Reply,
  response: NodeResponse,
): Promise<void> {
  const { answer: _, operation, dropped: beside = [], ...question } = ask
  const call = options.core.call(operation, { ...question, ...known })
  const leave = (): void => {
    if (!response.writableEnded) call.cancel(fail('client_closed', 'the client left before the answer was complete'))
  }
  response.once('close', leave)
  if (isGone(response)) leave()
  const place = options.open.add(call)
  try {
    const answered = await call.open()
    const opened = beside.length === 0 ? answered : { ...answered, dropped: [...beside, ...answered.dropped] }
    if (ask.streaming) await stream(opened, ask.answer, reply, response, call, options.writeMs)
    else await whole(opened, ask.answer, reply)
    watchEnd(response, options.writeMs)
  } catch (thrown) {
    // Whatever failed between the provider and the client, the call is over.
    call.cancel(asGatewayError(thrown))
    throw thrown
  } finally {
    options.open.remove(place)
    response.off('close', leave)
  }
}

async function whole<Name extends OperationName>(
  opened: OpenedCall<Name>,
  encoder: WholeAnswer<Name>,
  reply: Reply,
): Promise<void> {
  const { served, dropped } = opened
  const response = await opened.whole()
  if (!reply.open) return
  const written = encoder.whole(response, served)
  if (typeof written === 'string') reply.json(200, written, served, dropped)
  else reply.payload(written, served, dropped)
}

async function stream<Name extends OperationName>(
  { events, first, served, dropped }: OpenedCall<Name>,
  encoder: StreamedAnswer<Name>,
  reply: Reply,
  response: NodeResponse,
  call: Cancellable,
  writeMs: number,
): Promise<void> {
  reply.stream(served, dropped, encoder.contentTypeOf?.(first) ?? encoder.contentType)
  try {
    for await (const batch of events) {
      const written = encoded(encoder, batch, served, call)
      if (written.length > 0 && !write(response, written)) await drained(response, writeMs)
    }
  } catch (thrown) {
    const error = asGatewayError(thrown)
    call.cancel(error)
    const words = error.details.timer === 'write' ? undefined : encoder.fail(error)
    if (words === undefined) cutOff(response)
    else if (reply.open) response.end(words)
    return
  }
  if (reply.open) response.end(encoder.end())
}

/** The events as they are written. What goes wrong here is told to the call before its events are left, which would look like a client that did. */
function encoded<Name extends OperationName>(
  encoder: StreamedAnswer<Name>,
  batch: readonly Operations[Name]['event'][],
  served: Served,
  call: Cancellable,
): string | Uint8Array {
  try {
    return encoder.events(batch, served)
  } catch (thrown) {
    call.cancel(asGatewayError(thrown))
    throw thrown
  }
}

/** Cuts a client off that leaves the end of its answer unread, for which nothing else waits any more. A slow reader is none. */
function watchEnd(response: NodeResponse, milliseconds: number): void {
  if (response.writableLength === 0 || isGone(response)) return
  ;(response as { setTimeout(after: number, then: () => void): unknown }).setTimeout(milliseconds, () => {
    response.destroy()
  })
}

/** The two kinds of response write alike, but their overloads do not unite. */
function write(response: NodeResponse, written: string | Uint8Array): boolean {
  return (response as { write(written: string | Uint8Array): boolean }).write(written)
}

/** Waits until the client took what was written. Throws `timeout` (write) when it stalls, `client_closed` when it left. */
function drained(response: NodeResponse, milliseconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: GatewayError): void => {
      clearTimeout(timer)
      response.off('drain', onDrain)
      response.off('close', onClose)
      if (error === undefined) resolve()
      else reject(error)
    }
    const onDrain = (): void => settle()
    const onClose = (): void => settle(fail('client_closed', 'the client left before the answer was complete'))
    const timer = setTimeout(() => settle(timedOut('write')), milliseconds)
    response.once('drain', onDrain)
    response.once('close', onClose)
    if (isGone(response)) onClose()
  })
}
