import { Code } from '@connectrpc/connect'
import { z } from 'zod'
import { describe, expect, test } from 'vitest'
import type { ServerDialect } from '../../src/dialects/contract.ts'
import { serverDialects } from '../../src/dialects/servers.ts'
import { openApiDocument } from '../../src/server/openapi.ts'
import { isOffered, services } from '../../src/server/policy.ts'
import { startEdge } from './rpc-edge.ts'
import { script } from './rpc-script.ts'

const all = Object.values(services)

interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly parameters: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> }
  readonly responses: Readonly<Record<string, unknown>>
}

interface Document {
  readonly tags: readonly { readonly name: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

function documentOf(dialects: readonly ServerDialect[]): Document {
  // Through text, as clients get it: nothing in it may be more than JSON.
  return JSON.parse(JSON.stringify(openApiDocument({ dialects, services: all, version: '1.2.3' }))) as Document
}

function* referencesIn(node: unknown): Generator<string> {
  if (node === null || typeof node !== 'object') return
  for (const [key, value] of Object.entries(node)) {
    if (key === '$ref' && typeof value === 'string') yield value
    else yield* referencesIn(value)
  }
}

function resolve(document: Document, reference: string): unknown {
  expect(reference).toMatch(/^#\//)
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], document)
}

function operationsOf(document: Document): Operation[] {
  return Object.values(document.paths).flatMap((methods) => Object.values(methods))
}

describe('the OpenAPI document', () => {
  const document = documentOf(serverDialects)

  test('says which requests are answered once by their key', () => {
    const takes = (path: string): boolean =>
      document.paths[path]?.['post']?.parameters.some(({ name }) => name === 'Idempotency-Key') === true
    const paths = Object.keys(document.paths).filter(takes)
    expect(paths).toEqual(
      expect.arrayContaining(['/v1/chat/completions', '/v1/embeddings', '/v1/batches', '/v1/files']),
    )
    expect(paths).toContain('/switchyard.v1.InferenceService/Chat')
    for (const path of ['/v1/messages/count_tokens', '/v1/batches/{id}/cancel', '/switchyard.v1.KeyService/CreateKey'])
      expect([path, path in document.paths, takes(path)]).toEqual([path, true, false])
  })

  test.each([
    ['/v1/audio/transcriptions', ['multipart/form-data']],
    ['/api/v1/inference/transcribe', ['application/json', 'multipart/form-data']],
  ])('says that %s reads %j', (path, types) => {
    expect(Object.keys(document.paths[path]?.['post']?.requestBody?.content ?? {})).toEqual(types)
  })

  test('has no reference that leads nowhere', () => {
    const references = [...new Set(referencesIn(document))]
    expect(references.length).toBeGreaterThan(10)
    for (const reference of references) expect(resolve(document, reference), reference).toBeDefined()
  })

  test('files everything under names that OpenAPI allows, and refers to all of it', () => {
    const used = new Set(referencesIn(document))
    for (const kind of ['schemas', 'responses', 'headers']) {
      for (const name of Object.keys(document.components[kind] ?? {})) {
        expect(name).toMatch(/^[\w.-]+$/)
        expect(used).toContain(`#/components/${kind}/${name}`)
      }
    }
  })

  test('names each operation once', () => {
    const ids = operationsOf(document).map(({ operationId }) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^\w+$/)
  })

  test('declares every segment of a path that is not fixed, and every tag', () => {
    const tags = document.tags.map(({ name }) => name)
    for (const [path, methods] of Object.entries(document.paths)) {
      expect(path).toMatch(/^(\/[\w.-]+|\/\{\w+\}(:\w+)?)+$/)
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      for (const { parameters, tags: own } of Object.values(methods)) {
        expect(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)).toEqual(names)
        expect(tags).toEqual(expect.arrayContaining([...own]))
      }
    }
  })

  test('has the routes of every dialect', () => {
    for (const { chat, counts = [], operations = [], routes } of serverDialects) {
      for (const { path } of [...chat, ...counts, ...operations]) {
        expect(Object.keys(document.paths[path.replace('*', '{path}')] ?? {})).toContain('post')
      }
      for (const { path, method } of routes) {
        const methods = document.paths[path.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{path}')]
        expect(Object.keys(methods ?? {})).toContain(method.toLowerCase())
      }
    }
  })

  test('says what the rules of the contract say', () => {
    const request = resolve(document, '#/components/schemas/switchyard.v1.ChatRequest')
    expect(request).toMatchObject({
      type: 'object',
      properties: {
        model: { type: 'string', minLength: 1, maxLength: 512 },
        messages: { type: 'array', minItems: 1, items: { $ref: '#/components/schemas/switchyard.v1.Message' } },
        temperature: { type: 'number', minimum: 0, maximum: 2 },
        maxOutputTokens: { type: 'integer', minimum: 1 },
        seed: { type: 'string' },
        metadata: { type: 'object', additionalProperties: { type: 'string' } },
      },
    })
  })

  test('is the same for the same gateway', () => {
    expect(JSON.stringify(documentOf(serverDialects))).toBe(JSON.stringify(document))
  })
})

test('the OpenAPI document keeps schemas that contain themselves', () => {
  const tree = z.object({
    get children() {
      return z.array(tree)
    },
  })
  const twice = z.object({ left: tree, right: tree })
  const answer = { answer: () => ({}), permission: 'models:use', method: 'GET' } as const
  const dialect: ServerDialect = {
    name: 'words',
    base: '/words',
    passThrough: false,
    chat: [],
    routes: [
      { ...answer, path: '/words/tree/:id', summary: 'A tree', response: tree },
      { ...answer, path: '/words/trees', summary: 'Two trees', response: twice },
    ],
    absent: [],
    error: z.object({ wrong: z.string() }),
    errorBody: ({ message }) => JSON.stringify({ wrong: message }),
  }
  const document = documentOf([dialect])
  for (const reference of referencesIn(document)) expect(resolve(document, reference), reference).toBeDefined()
  expect(document.paths['/words/tree/{id}']?.['get']?.operationId).toBe('words_get_tree_by_id')
  expect(JSON.stringify(document.components['responses'])).toContain('{"wrong":"model is required"}')
})

test('the OpenAPI document has exactly the unary methods that are available', async () => {
  const paths = new Set(Object.keys(documentOf([]).paths))
  await using edge = await startEdge({ provider: script().provider })
  for (const method of all.flatMap(({ methods }) => methods)) {
    if (method.methodKind !== 'unary') continue
    const path = `/${method.parent.typeName}/${method.name}`
    const headers = { 'content-type': 'application/json' }
    const { code } = (await (await fetch(edge.http1 + path, { method: 'POST', headers, body: '{}' })).json()) as {
      code?: string
    }
    expect([path, code === Code[Code.Unimplemented]?.toLowerCase()]).toEqual([path, !paths.has(path)])
    expect(isOffered(method)).toBe(paths.has(path))
  }
})
