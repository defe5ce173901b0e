/** A JSON Schema, or the part of one. */
export type Schema = Readonly<Record<string, unknown>>

/** How deep optional things may nest; below, a schema that refers to itself is answered as briefly as it allows. */
const briefBelow = 6
const deepest = 32

/** Limits that a client's schema cannot lift, fitting or not. */
const mostValues = 10_000
const mostItems = 100
const mostCharacters = 10_000

/**
 * A value that fits a JSON Schema, always the same for the same `ordinal`; another ordinal gives another value where the
 * schema leaves a choice. Objects have their required properties only. Patterns of strings are not followed.
 */
export function sampleOf(schema: unknown, ordinal = 0): unknown {
  return sample(schema, { root: schema, ordinal, depth: 0, label: '', budget: { left: mostValues } })
}

interface Place {
  readonly root: unknown
  readonly ordinal: number
  readonly depth: number
  /** The name of the property that is to be filled. */
  readonly label: string
  /** How many more values there may be. */
  readonly budget: { left: number }
}

function sample(anySchema: unknown, place: Place): unknown {
  if (place.depth > deepest || place.budget.left-- <= 0) return null
  const schema = whole(anySchema, place)
  if ('const' in schema) return schema['const']
  if (Array.isArray(schema['enum'])) return schema['enum'][place.ordinal % schema['enum'].length]
  switch (typeOf(schema)) {
    case 'object':
      return objectOf(schema, place)
    case 'array':
      return arrayOf(schema, place)
    case 'number':
    case 'integer':
      return numberOf(schema, place.ordinal)
    case 'boolean':
      return place.ordinal % 2 === 0
    case 'null':
      return null
    default:
      return stringOf(schema, place)
  }
}

/** The schema with its reference followed, its first alternative taken and all its conjuncts put together. */
function whole(anySchema: unknown, place: Place, nested = 0): Schema {
  const { $ref, allOf, anyOf, oneOf, ...own } = asSchema(anySchema)
  const further = typeof $ref === 'string' ? [lookUp($ref, place.root)] : []
  const alternatives = list(anyOf ?? oneOf)
  if (alternatives.length > 0) further.push(choose(alternatives, place))
  further.push(...list(allOf))
  if (further.length === 0 || nested > deepest || place.budget.left-- <= 0) return own
  return further.map((one) => whole(one, place, nested + 1)).reduce(both, own)
}

function choose(alternatives: readonly unknown[], { depth }: Place): unknown {
  const end = alternatives.find((alternative) => asSchema(alternative)['type'] === 'null')
  return depth >= briefBelow && end !== undefined ? end : alternatives[0]
}

function both(one: Schema, other: Schema): Schema {
  return {
    ...one,
    ...other,
    properties: { ...asSchema(one['properties']), ...asSchema(other['properties']) },
    required: [...list(one['required']), ...list(other['required'])],
  }
}

/** What a reference within the same document points at. */
function lookUp($ref: string, root: unknown): unknown {
  if (!$ref.startsWith('#')) return {}
  const steps = $ref.slice(1).split('/').slice(1)
  return steps
    .map((step) => decoded(step).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((found: unknown, step) => asSchema(found)[step], root)
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step)
  } catch {
    return step
  }
}

function typeOf(schema: Schema): unknown {
  const { type } = schema
  if (Array.isArray(type)) return type.find((one) => one !== 'null') ?? 'null'
  if (type !== undefined) return type
  if (list(schema['required']).length > 0 || Object.keys(asSchema(schema['properties'])).length > 0) return 'object'
  return 'items' in schema || 'prefixItems' in schema ? 'array' : 'string'
}

function objectOf(schema: Schema, place: Place): unknown {
  const properties = asSchema(schema['properties'])
  const names = list(schema['required']).filter((name) => typeof name === 'string')
  const entries = names.map((name) => {
    const own = Object.hasOwn(properties, name) ? properties[name] : schema['additionalProperties']
    return [name, sample(own, { ...place, depth: place.depth + 1, label: name })] as const
  })
  return Object.fromEntries(entries)
}

function arrayOf(schema: Schema, place: Place): unknown[] {
  const first = list(schema['prefixItems'])
  const least = number(schema['minItems']) ?? 0
  const usual = place.depth >= briefBelow ? least : Math.max(1, least)
  const length = Math.max(first.length, Math.min(usual, number(schema['maxItems']) ?? usual))
  return Array.from({ length: Math.min(length, mostItems) }, (_, index) =>
    sample(first[index] ?? schema['items'], { ...place, ordinal: place.ordinal + index, depth: place.depth + 1 }),
  )
}

function numberOf(schema: Schema, ordinal: number): number {
  const multiple = number(schema['multipleOf']) ?? (schema['type'] === 'integer' ? 1 : undefined)
  const above = number(schema['exclusiveMinimum']) ?? Number.NEGATIVE_INFINITY
  const below = number(schema['exclusiveMaximum']) ?? Number.POSITIVE_INFINITY
  const least = Math.max(number(schema['minimum']) ?? above, above)
  const most = Math.min(number(schema['maximum']) ?? below, below)
  const fits = (value: number): boolean => value >= least && value <= most && value > above && value < below
  const candidates = [ordinal + 1, least + ordinal, least + 1, least, (least + most) / 2, most, most - 1, 0]
  const rounded = candidates.flatMap((value) =>
    multiple === undefined
      ? [value]
      : [Math.ceil(value / multiple) * multiple, Math.floor(value / multiple) * multiple],
  )
  return rounded.find((value) => Number.isFinite(value) && fits(value)) ?? 0
}

/** Texts of the formats that a validator is likely to check. */
const formats: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'date-time': '2026-01-01T00:00:00Z',
    date: '2026-01-01',
    time: '00:00:00Z',
    duration: 'PT1H',
    email: 'simulated@example.com',
    hostname: 'simulated.example.com',
    ipv4: '192.0.2.1',
    ipv6: '2001:db8::1',
    uri: 'https://simulated.example.com/',
    uuid: '00000000-0000-4000-8000-000000000000',
  }),
)

function stringOf(schema: Schema, { label, ordinal }: Place): string {
  const format = typeof schema['format'] === 'string' ? formats.get(schema['format']) : undefined
  if (format !== undefined) return format
  const words = ['simulated', label, ordinal === 0 ? '' : String(ordinal + 1)].filter((word) => word !== '')
  const least = Math.min(number(schema['minLength']) ?? 0, mostCharacters)
  return words
    .join(' ')
    .padEnd(least, '.')
    .slice(0, number(schema['maxLength']) ?? mostCharacters)
}

const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
const list = (value: unknown): unknown[] => (Array.isArray(value) ? [...value] : [])
const asSchema = (value: unknown): Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Schema) : {}
