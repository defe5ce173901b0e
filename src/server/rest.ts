import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { ZodObject } from 'zod'
import type { Principal } from '../core/contract.ts'
import type { Route, ServerDialect } from '../dialects/contract.ts'
import type { FileContent } from '../dialects/surface.ts'
import { noteUnknown } from '../dialects/untranslated.ts'
import { asGatewayError, fail, GatewayError } from '../error/index.ts'
import { type PathParams, PathTable } from '../dialects/path-table.ts'
import { modelRoutes } from '../dialects/reading.ts'
import { Turn } from '../idempotency/turn.ts'
import { answerFile } from './file-answer.ts'
import { headerOf, Reply, tokenOf } from './reply.ts'
import { requestIdsOf } from './request-id.ts'
import { type CallEdgeOptions, factsOf, isStrict, readJson, serveCall, serveCount } from './rest-call.ts'
import { giveAgain } from './rest-answer.ts'
import { addForm, beginOnce, keyedOf } from './rest-once.ts'
import type { NodeRequest, NodeResponse } from './guard.ts'
import { pathOf } from './rpc-request.ts'
import { readUpload, type Upload } from './upload.ts'

/** What the REST edge is made of. */
export interface RestOptions extends CallEdgeOptions {
  readonly dialects: readonly ServerDialect[]
  /** Most bytes of a file that is to be kept. */
  readonly fileBytes: number
  /** Registers what is no dialect: health, metrics, documents. */
  readonly pages: (app: FastifyInstance) => void
}

/** The REST edge: every path that is not an RPC's. */
export interface Rest {
  handle(request: NodeRequest, response: NodeResponse): void
  close(): Promise<void>
}

const methods = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const

/**
 * Serves the dialects, each as an encapsulated Fastify plugin with its own errors for whatever goes wrong below its base path.
 * The routes that ask models, where the traffic is, are dispatched before Fastify's router: the same handler, a sixth of the price.
 */
export async function createRest(options: RestOptions): Promise<Rest> {
  const app = Fastify({
    logger: false,
    exposeHeadRoutes: true,
    routerOptions: { maxParamLength: 512 },
    frameworkErrors: (error, request, reply) => answerError(error, request, reply, options),
  })
  app.removeAllContentTypeParsers()
  // Bodies are read by the routes that take one, after the caller is known; nothing is parsed before.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  options.pages(app)
  for (const dialect of options.dialects) app.register((scope) => mount(scope, dialect, options))
  app.setNotFoundHandler((request, reply) => notFound(request, reply, options))
  app.setErrorHandler((error: Error, request, reply) => answerError(error, request, reply, options))
  await app.ready()
  const hot = hotRoutes(options)
  return {
    handle(request, response) {
      const found = request.method === 'POST' ? hot.find(pathOf(request)) : undefined
      if (found !== undefined) return found.entry(request, response, found.params)
      app.routing(request as Parameters<typeof app.routing>[0], response as Parameters<typeof app.routing>[1])
    },
    close: () => app.close(),
  }
}

type Serve = (request: NodeRequest, response: NodeResponse, params: PathParams) => void

/** The routes that are dispatched before Fastify's router. */
function hotRoutes(options: RestOptions): PathTable<Serve> {
  const table = new PathTable<Serve>()
  for (const dialect of options.dialects) {
    for (const { path, reading } of modelRoutes(dialect))
      table.add(
        path,
        (request, response, params) => void serveCall(options, dialect, reading, request, response, params),
      )
    for (const route of dialect.counts ?? [])
      table.add(
        route.path,
        (request, response, params) => void serveCount(options, dialect, route, request, response, params),
      )
  }
  return table
}

/** Registers the routes of one dialect; a method that a path does not have is 405 in the dialect's shape. */
async function mount(scope: FastifyInstance, dialect: ServerDialect, options: RestOptions): Promise<void> {
  const served = new Map<string, string[]>()
  const serve = (
    method: (typeof methods)[number],
    url: string,
    handler: (request: FastifyRequest, reply: FastifyReply) => void,
  ): void => {
    served.set(url, [...(served.get(url) ?? []), method])
    scope.route({
      method,
      url,
      exposeHeadRoute: method === 'GET',
      handler: (request, reply) => {
        reply.hijack()
        handler(request, reply)
      },
    })
  }
  // What is asked for at these paths was served before; what comes here has another method, or a name nobody knows.
  const unknown = (request: FastifyRequest, reply: FastifyReply): void => notFound(request, reply, options)
  for (const { path } of [...dialect.chat, ...(dialect.operations ?? []), ...(dialect.counts ?? [])]) {
    // Below another dialect's base, that dialect says what else there is.
    if (path !== dialect.base && !path.startsWith(`${dialect.base}/`)) continue
    const url = path.replace(/\*.*/, '*')
    if (!served.has(url)) serve('POST', url, unknown)
  }
  for (const route of dialect.routes)
    serve(route.method, route.path, (request, reply) => void serveRoute(options, dialect, route, request, reply))
  for (const [url, allowed] of served) {
    const others = methods.filter((method) => !allowed.includes(method))
    scope.route({
      method: others,
      url,
      handler: (request, reply) => refuseMethod(request, reply, dialect, allowed, options),
    })
  }
}

async function serveRoute(
  options: RestOptions,
  dialect: ServerDialect,
  route: Route,
  request: FastifyRequest,
  { raw }: FastifyReply,
): Promise<void> {
  const arrivedAt = performance.now()
  const ids = requestIdsOf(headerOf(request.raw, 'x-request-id'))
  const reply = new Reply(request.raw, raw, dialect, ids.requestId, options.cors(request.raw))
  const { core } = options
  let principal: Principal | undefined
  let turn: Turn | undefined
  try {
    principal = core.authenticate(tokenOf(request.raw, dialect))
    core.authorize(principal, route.permission)
    const facts = factsOf(options, request.raw, ids.requestId, request.params as Record<string, string>)
    const surface = core.surface(principal)
    const keyed = route.once === true ? keyedOf(request.raw, dialect) : undefined
    await using form = await readForm(options, route, request.raw)
    const takesJson = form === undefined && route.request !== undefined
    const { body } = takesJson ? await readJson(options, dialect, request.raw) : {}
    const dropped = unknownIn(route, request.raw, body?.value ?? Object.fromEntries(form?.fields ?? []))
    if (keyed !== undefined) {
      if (form !== undefined) await addForm(keyed.print, form)
      keyed.print.add(body?.text ?? '')
      const found = await beginOnce(options.once, keyed, principal)
      if (!(found instanceof Turn)) return giveAgain(found, reply, raw, options.writeMs)
      turn = found
    }
    const answer: unknown = await route.answer(facts, surface, body, form)
    const { writeMs } = options
    if (route.sends === 'file')
      return await answerFile(request.raw, raw, answer as FileContent, { writeMs, headers: reply.headers })
    const written = reply.json(route.status ?? 200, JSON.stringify(answer), undefined, dropped)
    await turn?.keepWhole(written)
    if (reply.open) reply.send(written)
  } catch (thrown) {
    const error = asGatewayError(thrown)
    await turn?.giveBack()
    core.refuse({
      ...ids,
      dialect: dialect.name,
      operation: `${route.method} ${route.path}`,
      principal,
      arrivedAt,
      error,
    })
    reply.fail(error)
  }
}

/** The fields that a route does not have. Throws `unsupported_field` for them where the client wants none left out. */
function unknownIn({ request: schema }: Route, request: NodeRequest, given: object): string[] {
  const unknown: string[] = []
  if (schema instanceof ZodObject) noteUnknown(given, schema.shape, '', unknown)
  const [first] = unknown
  if (first === undefined || !isStrict(request)) return unknown
  throw fail('unsupported_field', `there is no such field here: ${unknown.join(', ')}`, { param: first })
}

/** The form of a route that takes one. */
async function readForm(options: RestOptions, { files }: Route, request: NodeRequest): Promise<Upload | undefined> {
  if (files === undefined) return undefined
  const { uploads, fileBytes: bytes, bodyIdleMs: idleMs } = options
  return await readUpload(request, { folder: uploads.folder, bytes, files, idleMs })
}

function refuseMethod(
  request: FastifyRequest,
  reply: FastifyReply,
  dialect: ServerDialect,
  allowed: readonly string[],
  options: RestOptions,
): void {
  // A path of the vendor's may look like that of one thing among many.
  if (isAbsent(pathOf(request.raw), dialect)) return notFound(request, reply, options)
  reply.hijack()
  const cors = options.cors(request.raw)
  if (request.method === 'OPTIONS' && Object.keys(cors).length > 0) {
    reply.raw.writeHead(204, {
      ...cors,
      'access-control-allow-methods': allowed.join(', '),
      'access-control-max-age': '600',
    })
    reply.raw.end()
    return
  }
  const error = fail('method_not_allowed', `${request.method} is not allowed here; use ${allowed.join(' or ')}`)
  replyTo(request, reply, dialect, options).fail(error, { allow: allowed.join(', ') })
}

function notFound(request: FastifyRequest, reply: FastifyReply, options: RestOptions): void {
  reply.hijack()
  const path = pathOf(request.raw)
  const dialect = dialectOf(path, options.dialects)
  const message = isAbsent(path, dialect)
    ? `${request.method} ${path} is part of this API, but not served by this gateway`
    : `there is no ${request.method} ${path}`
  const error = fail('not_found', message.slice(0, 300))
  if (dialect === undefined) plainError(reply, error)
  else replyTo(request, reply, dialect, options).fail(error)
}

/** True for a part of the vendor's API that is not served here. */
function isAbsent(path: string, dialect: ServerDialect | undefined): boolean {
  const segments = path.split('/')
  return (dialect?.absent ?? []).some((prefix) =>
    prefix
      .split('/')
      .every((segment, at) => segment === segments[at] || (segment === '*' && segments[at] !== undefined)),
  )
}

/** What Fastify itself refuses: a path it cannot decode, a header it cannot read. */
function answerError(thrown: Error, request: FastifyRequest, reply: FastifyReply, options: RestOptions): void {
  reply.hijack()
  const status = 'statusCode' in thrown && typeof thrown.statusCode === 'number' ? thrown.statusCode : 500
  const error =
    thrown instanceof GatewayError
      ? thrown
      : status < 500
        ? fail('invalid_request', 'the request cannot be read')
        : asGatewayError(thrown)
  const dialect = dialectOf(pathOf(request.raw), options.dialects)
  if (dialect === undefined) plainError(reply, error)
  else replyTo(request, reply, dialect, options).fail(error)
}

function replyTo(request: FastifyRequest, reply: FastifyReply, dialect: ServerDialect, options: RestOptions): Reply {
  return new Reply(
    request.raw,
    reply.raw,
    dialect,
    requestIdsOf(headerOf(request.raw, 'x-request-id')).requestId,
    options.cors(request.raw),
  )
}

/** The dialect whose base path a path is under; the longest base wins. */
function dialectOf(path: string, dialects: readonly ServerDialect[]): ServerDialect | undefined {
  const under = dialects.filter(({ base }) => path === base || path.startsWith(`${base}/`))
  return under.toSorted((one, other) => other.base.length - one.base.length)[0]
}

/** An error outside of every dialect. */
function plainError({ raw }: FastifyReply, error: GatewayError): void {
  const body = JSON.stringify({ error: { reason: error.reason, message: error.message } })
  raw.writeHead(error.status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  raw.end(body)
}
