import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import { camelCase } from './spelling.ts'

/** Types as numbers, for clients that write enums so. */
const types = ['', 'string', 'number', 'integer', 'boolean', 'array', 'object', 'null'] as const
/** Fields that Google's JSON writes as text, since they are 64 bits wide. */
const counts: ReadonlySet<string> = new Set([
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'minProperties',
  'maxProperties',
])

/**
 * JSON Schema of a schema in Google's subset of OpenAPI 3.0: types in lower case, `nullable` as a second type, counts as
 * numbers. What JSON Schema spells alike stays; `propertyOrdering` and `example` do too, which validators pass over.
 */
export function jsonSchemaOf(schema: JsonObject): JsonObject {
  const out: JsonObject = {}
  for (const [key, value] of Object.entries(schema)) {
    const name = key === 'any_of' ? 'anyOf' : camelCase(key)
    if (name === 'nullable' || value === null) continue
    out[name] = memberOf(name, value)
  }
  const { nullable } = schema
  if (nullable === true && out['type'] !== undefined) out['type'] = [out['type'], 'null']
  else if (nullable === true && Array.isArray(out['anyOf'])) out['anyOf'] = [...out['anyOf'], { type: 'null' }]
  if (nullable === true && Array.isArray(out['enum'])) out['enum'] = [...out['enum'], null]
  return out
}

function memberOf(name: string, value: JsonValue): JsonValue {
  if (name === 'type') return typeOf(value)
  if (counts.has(name) && typeof value === 'string') return /^\d{1,15}$/.test(value) ? Number(value) : value
  if (name === 'items') return isObject(value) ? jsonSchemaOf(value) : value
  if (name === 'anyOf' && Array.isArray(value)) return value.map((one) => (isObject(one) ? jsonSchemaOf(one) : one))
  if (name !== 'properties' || !isObject(value)) return value
  const properties = Object.entries(value).map(([key, one]) => [key, isObject(one) ? jsonSchemaOf(one) : one] as const)
  return Object.fromEntries(properties)
}

function typeOf(value: JsonValue): JsonValue {
  if (typeof value === 'number') return types[value] ?? 'string'
  if (Array.isArray(value)) return value.map(typeOf)
  return typeof value === 'string' ? value.toLowerCase() : value
}

function isObject(value: JsonValue): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
