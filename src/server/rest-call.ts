import type { Principal } from '../core/contract.ts'
import { traceHeadersOf } from '../core/trace.ts'
import type { CountRoute, JsonBody, RequestFacts, ServerDialect } from '../dialects/contract.ts'
import type { Ask, OperationName } from '../dialects/operation.ts'
import { parseBody } from '../dialects/json.ts'
import { asGatewayError, fail } from '../error/index.ts'
import type { Once } from '../idempotency/once.ts'
import { Turn } from '../idempotency/turn.ts'
import { refuseDropped } from '../provider/upstream-http.ts'
import { decodeUtf8, readBody } from './body.ts'
import { originOf } from './origin.ts'
import { headerOf, queryOf, Reply, tokenOf } from './reply.ts'
import type { PathParams } from '../dialects/path-table.ts'
import type { Reading } from '../dialects/reading.ts'
import { answer, type AnswerEdgeOptions, clientLeft, giveAgain } from './rest-answer.ts'
import { addForm, beginOnce, type Keyed, keyedOf } from './rest-once.ts'
import { requestIdsOf } from './request-id.ts'
import { readUpload, type UploadLimits } from './upload.ts'
import type { NodeRequest, NodeResponse } from './guard.ts'

/** What serving calls over HTTP needs. */
export interface CallEdgeOptions extends AnswerEdgeOptions {
  /** Most bytes of a body. */
  readonly bodyBytes: number
  /** Where the files of forms are kept while they are read, and most bytes of one. */
  readonly uploads: Pick<UploadLimits, 'folder' | 'bytes'>
  /** Milliseconds a client may pause in sending its body. */
  readonly bodyIdleMs: number
  /** Milliseconds that a call may take at most. */
  readonly longestMs: number
  /** Answers requests that name a key once. */
  readonly once: Once
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
  let turn: Turn | undefined
  try {
    principal = core.authenticate(tokenOf(request, dialect))
    const keyed = keyedOf(request, dialect)
    const facts = factsOf(options, request, ids.requestId, params)
    const { ask, bytes } = await readAsk(options, dialect, route, request, facts, keyed)
    if (keyed !== undefined) {
      core.authorize(principal, 'models:use')
      const found = await beginOnce(options.once, keyed, principal, ask.account)
      if (!(found instanceof Turn)) return giveAgain(found, reply, response, options.writeMs)
      turn = found
    }
    const trace = traceHeadersOf((name) => headerOf(request, name))
    const known = { ...ids, dialect: dialect.name, principal, arrivedAt, requestBytes: bytes, trace }
    begun = true
    await answer<OperationName>(options, ask, known, reply, response, turn)
  } catch (thrown) {
    const error = asGatewayError(thrown)
    await turn?.giveBack()
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
  const leave = (): void => controller.abort(clientLeft())
  response.once('close', leave)
  let principal: Principal | undefined
  let begun = false
  try {
    principal = core.authenticate(tokenOf(request, dialect))
    const { body, bytes } = await readJson(options, dialect, request)
    const { signal } = controller
    const trace = traceHeadersOf((name) => headerOf(request, name))
    const known = { ...ids, dialect: dialect.name, principal, arrivedAt, requestBytes: bytes, trace }
    const asked = route.decode(body, factsOf(options, request, ids.requestId, params))
    if (isStrict(request)) asked.strict = true
    begun = true
    const count = await core.countTokens({ ...known, request: asked, signal })
    const estimated = count.estimated ? { 'x-switchyard-estimated': 'true' } : {}
    reply.send(reply.json(200, route.encode(count), undefined, count.dropped, estimated))
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
  keyed: Keyed | undefined,
): Promise<{ readonly ask: Ask; readonly bytes: number }> {
  const { form } = route
  if (form !== undefined && (form.alone || isForm(headerOf(request, 'content-type')))) {
    await using upload = await readUpload(request, {
      ...options.uploads,
      files: form.files,
      idleMs: options.bodyIdleMs,
    })
    if (keyed !== undefined) await addForm(keyed.print, upload)
    return { ask: strictly(await form.decode(upload, facts), request), bytes: upload.bytes }
  }
  const { body, bytes } = await readJson(options, dialect, request)
  keyed?.print.add(body.text)
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
export function isStrict(request: NodeRequest): boolean {
  return headerOf(request, 'x-switchyard-strict') === 'true'
}

/** What routes may know of a request. */
export function factsOf(
  { core, longestMs }: Pick<CallEdgeOptions, 'core' | 'longestMs'>,
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
    operationsOf: core.operationsOf,
    longestMs,
  }
}

function isForm(contentType: string | undefined): boolean {
  return contentType !== undefined && /^multipart\/form-data\b/i.test(contentType)
}

function requireJson(contentType: string | undefined): void {
  if (contentType !== undefined && /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(contentType)) return
  throw fail('unsupported_media_type', 'the content type must be application/json')
}
