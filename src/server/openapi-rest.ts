import { toJSONSchema, type ZodType } from 'zod'
import type { ChatRoute, CountRoute, OperationRoute, Route, ServerDialect } from '../dialects/contract.ts'
import { fail } from '../error/index.ts'
import { type Components, idempotencyKey, type Json, type Operation, type Part } from './openapi-parts.ts'

/** A tag for each dialect. */
export function restParts(dialects: readonly ServerDialect[]): Part[] {
  return dialects.map(({ name, base }) => ({ name, description: `The ${name} dialect, under \`${base}\`.` }))
}

/** The operations of every dialect; their schemas and error responses go to `components`. */
export function restOperations(dialects: readonly ServerDialect[], components: Components): Operation[] {
  return dialects.flatMap((dialect) => {
    components.responses[errorName(dialect)] = errorResponse(dialect, components)
    return [
      ...dialect.chat.map((route) => chatOperation(dialect, route, components)),
      ...(dialect.operations ?? []).map((route) => modelOperation(dialect, route, components)),
      ...(dialect.counts ?? []).map((route) => countOperation(dialect, route, components)),
      ...dialect.routes.map((route) => routeOperation(dialect, route, components)),
    ]
  })
}

/** What routes that ask a model have in common: a JSON body in, and JSON out, if nothing else. */
function postOperation(
  dialect: ServerDialect,
  route: ChatRoute | CountRoute | OperationRoute,
  components: Components,
  description: string,
  content: (answer: Json | undefined) => Json,
  once = true,
): Operation {
  const id = operationId(dialect, 'POST', route.path)
  const request = named(components, `${id}.request`, route.request, 'input')
  const answer = route.response && { schema: named(components, `${id}.response`, route.response, 'output') }
  return {
    path: templated(route.path),
    method: 'post',
    body: {
      operationId: id,
      tags: [dialect.name],
      summary: route.summary,
      description,
      parameters: [
        ...parametersOf(route.path, once),
        ...open('header', 'headers' in route ? route.headers : undefined),
      ],
      requestBody: {
        required: true,
        content: Object.fromEntries(taken(route).map((type) => [type, { schema: request }])) as Json,
      },
      responses: responses(dialect, content(answer)),
    },
  }
}

/** The content types of what a route reads. */
function taken(route: ChatRoute | CountRoute | OperationRoute): string[] {
  const form = 'form' in route ? route.form : undefined
  if (form === undefined) return ['application/json']
  return form.alone ? ['multipart/form-data'] : ['application/json', 'multipart/form-data']
}

function chatOperation(dialect: ServerDialect, route: ChatRoute, components: Components): Operation {
  const description = 'Needs the permission `models:use`.'
  return postOperation(dialect, route, components, description, (answer) => ({
    ...(route.answers !== 'streamed' && whole(answer)),
    ...(route.answers !== 'whole' && { 'text/event-stream': route.answers === 'streamed' ? answer : eventStream }),
  }))
}

/** An answer that comes at once; nothing where the route has none in JSON. */
function whole(answer: Json | undefined): Json {
  return answer === undefined ? {} : { 'application/json': answer }
}

/** An operation beside chat. What it answers with beside JSON is text where its type says so, and bytes otherwise. */
function modelOperation(dialect: ServerDialect, route: OperationRoute, components: Components): Operation {
  const others = (route.produces ?? []).map((type) => [type, contentOf(type)])
  const description = 'Needs the permission `models:use`.'
  return postOperation(dialect, route, components, description, (answer) => ({
    ...whole(answer),
    ...Object.fromEntries(others),
  }))
}

function contentOf(type: string): Json {
  if (type === 'text/event-stream') return eventStream
  return { schema: type.startsWith('text/') ? { type: 'string' } : { type: 'string', format: 'binary' } }
}

function countOperation(dialect: ServerDialect, route: CountRoute, components: Components): Operation {
  const description =
    'Needs the permission `models:use`. Answers with `x-switchyard-estimated` where no provider counted.'
  return postOperation(dialect, route, components, description, whole, false)
}

const eventStream: Json = {
  schema: { type: 'string', description: "The dialect's own events, when a stream is asked for." },
}

function routeOperation(dialect: ServerDialect, route: Route, components: Components): Operation {
  const id = operationId(dialect, route.method, route.path)
  const response = named(components, `${id}.response`, route.response, 'output')
  const types = route.sends === 'file' ? (route.produces ?? ['application/octet-stream']) : ['application/json']
  const content = Object.fromEntries(types.map((type) => [type, { schema: response }]))
  const request = route.request === undefined ? undefined : named(components, `${id}.request`, route.request, 'input')
  return {
    path: templated(route.path),
    method: methodWords[route.method],
    body: {
      operationId: id,
      tags: [dialect.name],
      summary: route.summary,
      description: `Needs the permission \`${route.permission}\`.`,
      parameters: [...parametersOf(route.path, route.once === true), ...open('query', route.query)],
      ...(request !== undefined && {
        requestBody: { required: true, content: bodyOf(request, route.files) },
      }),
      responses: responses(dialect, content, route.status),
    },
  }
}

const binary: Json = { type: 'string', format: 'binary' }

/** JSON, or a form with files beside its fields. */
function bodyOf(fields: Json, files: readonly string[] | undefined): Json {
  if (files === undefined) return { 'application/json': { schema: fields } }
  const properties = Object.fromEntries(files.map((name) => [name, binary]))
  return { 'multipart/form-data': { schema: { allOf: [fields, { type: 'object', properties, required: files }] } } }
}

const methodWords = { GET: 'get', POST: 'post', PUT: 'put', DELETE: 'delete' } as const satisfies Record<
  Route['method'],
  string
>

/** Stable as long as dialect, method and path are: `openai_post_chat_completions`, `openai_get_models_by_id`. */
function operationId({ name, base }: ServerDialect, method: Route['method'], path: string): string {
  const words = path
    .slice(path.startsWith(base) ? base.length : 0)
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => segment.replace(/^\*$/, 'by_path').replace(/^:/, 'by_'))
  return [name, method.toLowerCase(), ...words].join('_').replaceAll(/[^A-Za-z0-9]+/g, '_')
}

/** A named segment, or the star that stands for any text. */
const parameter = /(?<=\/):([A-Za-z]\w*)|\*/g

function templated(path: string): string {
  return path.replaceAll(parameter, (_match, name: string | undefined) => `{${name ?? 'path'}}`)
}

function parametersOf(path: string, once: boolean): Json[] {
  const found = [...path.matchAll(parameter)].map(([, name]) => (name === undefined ? restOfPath : pathParameter(name)))
  return once ? [...found, idempotencyKey] : found
}

function pathParameter(name: string): Json {
  return { name, in: 'path', required: true, schema: { type: 'string' } }
}

/** Parameters that may be left out. */
function open(place: 'query' | 'header', schemas: Readonly<Record<string, ZodType>> = {}): Json[] {
  return Object.entries(schemas).map(([name, type]) => {
    const { $schema: _dialect, description, ...schema } = toJSONSchema(type, { io: 'input' })
    return { name, in: place, required: false, ...(description !== undefined && { description }), schema }
  })
}

const restOfPath: Json = { ...pathParameter('path'), description: 'May contain slashes.' }

function responses(dialect: ServerDialect, content: Json, status = 200): Json {
  const failure = { $ref: `#/components/responses/${errorName(dialect)}` }
  const headers = { 'x-request-id': { $ref: '#/components/headers/RequestId' } }
  return { [status]: { description: 'The answer.', headers, content }, '4XX': failure, '5XX': failure }
}

function errorName({ name }: ServerDialect): string {
  return `${name}.error`
}

/** The shape of errors differs from dialect to dialect, so each has its own schema and shows one. */
function errorResponse(dialect: ServerDialect, components: Components): Json {
  const sample = fail('invalid_request', 'model is required', { param: 'model' })
  const example: unknown = JSON.parse(dialect.errorBody(sample, '0197c9a2-0000-7000-8000-000000000000'))
  return {
    description: "An error, in the dialect's own shape.",
    headers: { 'x-request-id': { $ref: '#/components/headers/RequestId' } },
    content: {
      'application/json': { schema: named(components, errorName(dialect), dialect.error, 'output'), example },
    },
  }
}

/** Files a schema under a name, its inner definitions under names below that, and refers to it. */
function named(components: Components, name: string, schema: ZodType, io: 'input' | 'output'): Json {
  const {
    $schema: _dialect,
    $defs,
    ...own
  } = toJSONSchema(schema, { io, unrepresentable: 'any' }) as Record<string, unknown>
  components.schemas[name] = relocated(own, name) as Json
  for (const [inner, definition] of Object.entries($defs ?? {})) {
    components.schemas[`${name}.${inner}`] = relocated(definition, name) as Json
  }
  return { $ref: `#/components/schemas/${name}` }
}

const definitions = '#/$defs/'

/** The same schema, with its references to itself and to its definitions leading to where they are filed. */
function relocated(node: unknown, name: string): unknown {
  if (Array.isArray(node)) return node.map((item) => relocated(item, name))
  if (node === null || typeof node !== 'object') return node
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [
      key,
      key === '$ref' && typeof value === 'string' ? relocatedReference(value, name) : relocated(value, name),
    ]),
  )
}

function relocatedReference(reference: string, name: string): string {
  if (reference === '#') return `#/components/schemas/${name}`
  if (!reference.startsWith(definitions)) return reference
  return `#/components/schemas/${name}.${reference.slice(definitions.length)}`
}
