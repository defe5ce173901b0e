import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { modelRoutes } from '../../src/dialects/reading.ts'
import { serverDialects } from '../../src/dialects/servers.ts'
import { openApiDocument } from '../../src/server/openapi.ts'
import { serveMedia } from '../../src/server/media.ts'
import { pages } from '../../src/server/pages.ts'
import { isOffered, services } from '../../src/server/policy.ts'
import { createRest } from '../../src/server/rest.ts'
import { judgeBy, pointerTo } from './schemas.ts'

// Our own OpenAPI document: that it has all that is served, with what goes in and what comes out, and that it takes what pages show.

interface Content {
  readonly schema?: Readonly<Record<string, unknown>>
}

interface Answer {
  readonly $ref?: string
  readonly content?: Readonly<Record<string, Content>>
}

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> }
  readonly responses: Readonly<Record<string, Answer>>
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: object; readonly responses: Readonly<Record<string, Answer>> }
}

const all = Object.values(services)
const document = JSON.parse(
  JSON.stringify(openApiDocument({ dialects: serverDialects, services: all, version: '1' })),
) as Document
const judge = judgeBy(document)

/** A path as the document writes it. */
function templated(path: string): string {
  return path.replaceAll(/(?<=\/):(\w+)/g, '{$1}').replace('*', '{path}')
}

describe('every route that is served is there', () => {
  test('of the dialects: what asks models, and what the router was told', async () => {
    const told: string[] = []
    const listen = (app: FastifyInstance): void => {
      // A method alone is served; a list of them is refused.
      app.addHook('onRoute', ({ method, url }) => {
        if (typeof method === 'string' && method !== 'HEAD') told.push(`${method} ${url}`)
      })
      pages(app, { ready: () => true, metrics: () => expect.fail('nobody asks'), document: () => ({}) })
      serveMedia(app, { open: () => expect.fail('nobody asks'), writeMs: 1 })
    }
    const nobody = {} as Parameters<typeof createRest>[0]
    const rest = await createRest({ ...nobody, dialects: serverDialects, pages: listen })
    await rest.close()
    const asking = serverDialects.flatMap((dialect) => [
      ...modelRoutes(dialect).map(({ path }) => path),
      ...(dialect.counts ?? []).map(({ path }) => path),
    ])
    // Paths that only differ behind their star are one to the router; each is asked for by its own name.
    const routed = told.filter((route) => !route.endsWith('*') && !route.startsWith('GET /docs'))
    expect(routed.length).toBeGreaterThan(20)
    const served = [...routed, ...asking.map((path) => `POST ${path}`)]
    const documented = new Set(
      Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
      ),
    )
    expect(served.map(templated).filter((route) => !documented.has(route))).toEqual([])
  })

  test('of the RPCs: every unary method that is offered', () => {
    const offered = all
      .flatMap(({ methods }) => methods)
      .filter((method) => method.methodKind === 'unary' && isOffered(method))
    expect(offered.length).toBeGreaterThan(10)
    const paths = offered.map(({ parent, name }) => `/${parent.typeName}/${name}`)
    expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(paths))
  })
})

describe('a route that leaves no choice is told to answer in the one way that it does:', () => {
  test.each([
    ['/api/v1/inference/chat', ['application/json']],
    ['/api/v1/inference/chat/stream', ['text/event-stream']],
    ['/v1beta/models/{path}:generateContent', ['application/json']],
    ['/v1/inference/chat', ['application/json', 'text/event-stream']],
  ])('%s', (path, types) => {
    expect(Object.keys(document.paths[path]?.['post']?.responses['200']?.content ?? {})).toEqual(types)
  })
})

describe('what a request may say beside its body is there:', () => {
  test.each([
    ['query', 'get', '/api/v1/inference/models', 'provider'],
    ['query', 'get', '/api/v1/inference/usage', 'provider model key since until limit cursor'],
    ['query', 'get', '/v1/inference/batch', 'status limit cursor'],
    ['query', 'get', '/v1/batches', 'after limit'],
    ['query', 'get', '/v1/files', 'purpose after limit order'],
    ['query', 'get', '/v1/videos', 'after limit order'],
    ['query', 'get', '/v1/models', 'provider'],
    ['header', 'post', '/v5/inference', 'Idempotency-Key x-selected-account-id'],
  ])('in the %s of %s %s', (place, method, path, names) => {
    const parameters = document.paths[path]?.[method]?.parameters.filter((one) => one.in === place) ?? []
    expect(parameters.map(({ name }) => name).join(' ')).toBe(names)
    expect(parameters.every(({ required = false }) => !required)).toBe(true)
  })
})

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, method, operation })),
)

/** True for a schema that says something. Anything at all may be what a dialect promises for a part, but never for a whole body. */
function says({ schema }: Content): boolean {
  if (schema === undefined) return false
  const { type, ...rest } = schema
  return type === 'string' || Object.keys(rest).some((word) => word !== 'description' && word !== 'example')
}

describe.each(operations)('$name', ({ method, operation }) => {
  test('has schemas of what it takes, of what it answers, and of its errors', () => {
    if (method === 'post' || method === 'put') {
      // What is only started or stopped takes nothing.
      const taken = Object.values(operation.requestBody?.content ?? {})
      expect(taken.every(says)).toBe(true)
    }
    const given = Object.entries(operation.responses)
    const good = given.filter(([status]) => status.startsWith('2')).map(([, answer]) => answer)
    expect(good).toHaveLength(1)
    const answers = Object.values(good[0]?.content ?? {})
    expect(answers.length).toBeGreaterThan(0)
    expect(answers.every(says)).toBe(true)
    for (const status of ['4XX', '5XX']) {
      const { $ref = '' } = operation.responses[status] ?? {}
      const failure = document.components.responses[$ref.split('/').at(-1) ?? '']
      const shapes = Object.values(failure?.content ?? {})
      expect(shapes.length).toBeGreaterThan(0)
      for (const { schema } of shapes) expect(schema?.['$ref']).toMatch(/\.error$/)
    }
  })
})

describe('what pages show is taken', () => {
  interface Example {
    readonly page: string
    readonly path: string
    readonly body?: object
    readonly form?: object
  }

  const theirs = JSON.parse(readFileSync(join(import.meta.dirname, 'page-examples.json'), 'utf8')) as Example[]
  const root = join(import.meta.dirname, '../..')
  const ours = ['README.md', ...globSync('docs/*.md', { cwd: root })].flatMap((page) => shown(page))

  /** The calls with a JSON body that a page of ours shows. */
  function shown(page: string): Example[] {
    const text = readFileSync(join(root, page), 'utf8')
    const calls = text.matchAll(
      /(?<!buf )curl [^\n]*?127\.0\.0\.1:3000(\/[^\s'"]*)(?:[^\n]*\\\n)*[^\n]*?-d '(\{[\s\S]*?\})'/g,
    )
    return [...calls].map(([, path = '', body = '']) => ({ page, path, body: JSON.parse(body) as object }))
  }

  /** The path as the document has it: a name in it is any. */
  function documented(path: string): string {
    if (document.paths[path] !== undefined) return path
    const matching = Object.keys(document.paths).find((known) =>
      new RegExp(`^${known.replaceAll(/[.*+?()|[\]\\]/g, String.raw`\$&`).replaceAll(/\{\w+\}/g, '.+')}$`).test(path),
    )
    return matching ?? expect.fail(`the document has no ${path}`)
  }

  test('there are examples of the pages, and of our own', () => {
    expect([theirs.length, ours.length].every((count) => count > 8)).toBe(true)
  })

  test.each([...theirs, ...ours])('$page: $path', ({ path, body, form }) => {
    const type = form === undefined ? 'application/json' : 'multipart/form-data'
    const wrong = judge(pointerTo('paths', documented(path), 'post', 'requestBody', 'content', type, 'schema'))
    expect(wrong(body ?? form)).toEqual([])
    const spoilt = { ...(body ?? form), model: 7, contents: 7, type: 7, input_file_url: 7 }
    expect(wrong(spoilt)).not.toEqual([])
  })
})
