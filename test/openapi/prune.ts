#!/usr/bin/env node
import { readFileSync } from 'node:fs'

/*
 * Keeps of OpenAI's own OpenAPI document what answers of the gateway are compared with, without words for people. "One of" becomes "any
 * of": what it has as a plain transcript and as one with more, for one, every longer answer is both of.
 * node test/openapi/prune.ts FILE > test/openapi/openai.json
 */

type Json = null | boolean | number | string | Json[] | { readonly [name: string]: Json }
type Map = { readonly [name: string]: Json }

/** The operations that the gateway serves under the same paths. */
const served: readonly (readonly [method: string, path: string])[] = [
  ['post', '/chat/completions'],
  ['post', '/completions'],
  ['post', '/embeddings'],
  ['post', '/images/generations'],
  ['post', '/audio/transcriptions'],
  ['post', '/audio/translations'],
  ['post', '/responses'],
  ['get', '/models'],
  ['get', '/models/{model}'],
  ['get', '/files'],
  ['post', '/files'],
  ['get', '/files/{file_id}'],
  ['delete', '/files/{file_id}'],
  ['post', '/videos'],
  ['get', '/videos'],
  ['get', '/videos/{video_id}'],
  ['delete', '/videos/{video_id}'],
  ['get', '/batches'],
  ['post', '/batches'],
  ['get', '/batches/{batch_id}'],
  ['post', '/batches/{batch_id}/cancel'],
]

const words = new Set(['description', 'example', 'examples', 'title', 'deprecated', 'default', 'externalDocs'])

function isMap(node: Json | undefined): node is Map {
  return node !== null && typeof node === 'object' && !Array.isArray(node)
}

/** The schema without words; names of properties are no words, whatever they are. */
function bare(node: Json, isNames = false): Json {
  if (Array.isArray(node)) return node.map((item) => bare(item))
  if (!isMap(node)) return node
  if (!isNames && typeof node['nullable'] === 'boolean') return orNull(node)
  const kept = Object.entries(node).filter(([name]) => isNames || (!words.has(name) && !name.startsWith('x-')))
  return Object.fromEntries(
    kept.map(([name, value]) => [
      isNames || name !== 'oneOf' ? name : 'anyOf',
      bare(value, !isNames && name === 'properties'),
    ]),
  )
}

/** What OpenAPI 3.0 has a word for, and JSON Schema has not. */
function orNull({ nullable, ...schema }: Map): Json {
  return nullable === true ? { anyOf: [bare(schema), { type: 'null' }] } : bare(schema)
}

function member(node: Json | undefined, ...names: readonly string[]): Json | undefined {
  return names.reduce<Json | undefined>((found, name) => (isMap(found) ? found[name] : undefined), node)
}

function* references(node: Json): Generator<string> {
  if (Array.isArray(node)) for (const item of node) yield* references(item)
  else if (isMap(node)) {
    for (const [name, value] of Object.entries(node)) {
      if (name === '$ref' && typeof value === 'string') yield value.slice('#/components/schemas/'.length)
      else yield* references(value)
    }
  }
}

const document = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Map
const answers: Record<string, Json> = {}
for (const [method, path] of served) {
  for (const [type, content] of Object.entries(
    (member(document, 'paths', path, method, 'responses', '200', 'content') ?? {}) as Map,
  )) {
    answers[`${method.toUpperCase()} ${path} ${type}`] = bare(member(content, 'schema') ?? {})
  }
}
const schemas: Record<string, Json> = {}
const waiting = [...references(answers), 'ErrorResponse']
for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
  if (schemas[name] !== undefined) continue
  const schema = bare(member(document, 'components', 'schemas', name) ?? {})
  schemas[name] = schema
  waiting.push(...references(schema))
}
const sorted = Object.fromEntries(Object.entries(schemas).toSorted(([one], [other]) => (one < other ? -1 : 1)))
const version = member(document, 'info', 'version') ?? ''
process.stdout.write(`${JSON.stringify({ version, answers, components: { schemas: sorted } }, undefined, 1)}\n`)
