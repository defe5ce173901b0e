import { type DescEnum, type DescField, type DescMessage, getOption, hasOption, ScalarType } from '@bufbuild/protobuf'
import { field as rulesOption, type FieldRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js'
import type { Json } from './openapi-parts.ts'

/** Messages that have a JSON form of their own (https://protobuf.dev/programming-guides/json). */
const wellKnown: ReadonlyMap<string, Json> = new Map<string, Json>([
  ['google.protobuf.Any', { type: 'object', properties: { '@type': { type: 'string' } }, required: ['@type'] }],
  ['google.protobuf.Duration', { type: 'string', pattern: String.raw`^-?\d+(\.\d{1,9})?s$` }],
  ['google.protobuf.Empty', { type: 'object' }],
  ['google.protobuf.FieldMask', { type: 'string' }],
  ['google.protobuf.ListValue', { type: 'array' }],
  ['google.protobuf.Struct', { type: 'object' }],
  ['google.protobuf.Timestamp', { type: 'string', format: 'date-time' }],
  ['google.protobuf.Value', {}],
])

/** The schema of a message in Protobuf's JSON form, filed under the message's own name together with all it is made of. */
export function messageSchema(message: DescMessage, schemas: Record<string, Json>): Json {
  const own = wellKnown.get(message.typeName)
  if (own !== undefined) return own
  if (schemas[message.typeName] === undefined) {
    // Filed before it is complete, as a message may contain itself.
    schemas[message.typeName] = {}
    schemas[message.typeName] = objectSchema(message, schemas)
  }
  return { $ref: `#/components/schemas/${message.typeName}` }
}

function objectSchema(message: DescMessage, schemas: Record<string, Json>): Json {
  const properties = Object.fromEntries(message.fields.map((field) => [field.jsonName, fieldSchema(field, schemas)]))
  const choices = message.oneofs
    .filter(({ fields }) => fields.length > 1)
    .map(({ fields }) => `At most one of ${fields.map(({ jsonName }) => `\`${jsonName}\``).join(', ')}.`)
  return {
    type: 'object',
    ...(choices.length > 0 && { description: choices.join(' ') }),
    properties,
    additionalProperties: false,
  }
}

function fieldSchema(field: DescField, schemas: Record<string, Json>): Json {
  const rules = hasOption(field, rulesOption) ? getOption(field, rulesOption) : undefined
  switch (field.fieldKind) {
    case 'scalar':
      return { ...scalarSchema(field.scalar), ...limits(rules) }
    case 'enum':
      return enumSchema(field.enum, schemas)
    case 'message':
      return messageSchema(field.message, schemas)
    case 'list':
      return { type: 'array', items: elementSchema(field, schemas), ...limits(rules) }
    case 'map':
      return { type: 'object', additionalProperties: elementSchema(field, schemas) }
    default:
      return field satisfies never
  }
}

function elementSchema(field: DescField & { fieldKind: 'list' | 'map' }, schemas: Record<string, Json>): Json {
  if (field.message !== undefined) return messageSchema(field.message, schemas)
  if (field.enum !== undefined) return enumSchema(field.enum, schemas)
  return scalarSchema(field.scalar)
}

function enumSchema(enumeration: DescEnum, schemas: Record<string, Json>): Json {
  schemas[enumeration.typeName] ??= { type: 'string', enum: enumeration.values.map(({ name }) => name) }
  return { $ref: `#/components/schemas/${enumeration.typeName}` }
}

const integer64: Json = { type: 'string', pattern: String.raw`^-?\d+$`, description: 'A 64-bit integer, as text.' }
const integer32: Json = { type: 'integer', format: 'int32' }
const unsigned32: Json = { type: 'integer', minimum: 0, maximum: 0xffff_ffff }

const scalars: Readonly<Record<ScalarType, Json>> = {
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BYTES]: { type: 'string', contentEncoding: 'base64' },
  [ScalarType.DOUBLE]: { type: 'number' },
  [ScalarType.FLOAT]: { type: 'number' },
  [ScalarType.INT32]: integer32,
  [ScalarType.SINT32]: integer32,
  [ScalarType.SFIXED32]: integer32,
  [ScalarType.UINT32]: unsigned32,
  [ScalarType.FIXED32]: unsigned32,
  [ScalarType.INT64]: integer64,
  [ScalarType.UINT64]: integer64,
  [ScalarType.SINT64]: integer64,
  [ScalarType.FIXED64]: integer64,
  [ScalarType.SFIXED64]: integer64,
}

function scalarSchema(scalar: ScalarType): Json {
  return scalars[scalar]
}

/** The rules of the contract that JSON Schema can say. */
function limits(rules: FieldRules | undefined): Json {
  const rule = rules?.type
  if (rule?.case === 'string') return bounds('minLength', rule.value.minLen, 'maxLength', rule.value.maxLen)
  if (rule?.case === 'repeated') return bounds('minItems', rule.value.minItems, 'maxItems', rule.value.maxItems)
  if (rule?.case !== 'double' && rule?.case !== 'uint32' && rule?.case !== 'int32') return {}
  const { lessThan, greaterThan } = rule.value
  return {
    ...(greaterThan.case === 'gte' && { minimum: greaterThan.value }),
    ...(lessThan.case === 'lte' && { maximum: lessThan.value }),
  }
}

/** A bound of zero is one that the rule does not have. */
function bounds(least: string, minimum: bigint, most: string, maximum: bigint): Json {
  return { ...(minimum > 0n && { [least]: Number(minimum) }), ...(maximum > 0n && { [most]: Number(maximum) }) }
}
