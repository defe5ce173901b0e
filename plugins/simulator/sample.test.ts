import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { sampleOf, type Schema } from './sample.ts'

/** Whether a JSON Schema validator takes the value. */
function fits(schema: Schema, value: unknown): boolean {
  return z.fromJSONSchema(schema).safeParse(value).success
}

const bounds = fc.tuple(fc.integer({ min: -50, max: 50 }), fc.nat(40))
const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 3 })

const { schema: schemas } = fc.letrec<{ schema: Schema }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<Schema>({ type: 'string' }, { type: 'boolean' }, { type: 'null' }, { type: ['null', 'integer'] }),
    fc
      .uniqueArray(fc.oneof(fc.string(), fc.integer()), { minLength: 1, maxLength: 3 })
      .map((values) => ({ enum: values })),
    fc.string().map((value) => ({ const: value })),
    fc
      .tuple(fc.nat(30), fc.nat(30))
      .map(([least, more]) => ({ type: 'string', minLength: least, maxLength: least + more })),
    fc.constantFrom('date', 'date-time', 'email', 'uuid', 'uri', 'ipv4').map((format) => ({ type: 'string', format })),
    bounds.map(([minimum, more]) => ({ type: 'integer', minimum, maximum: minimum + more })),
    bounds.map(([low, more]) => ({ type: 'number', exclusiveMinimum: low, exclusiveMaximum: low + more + 1 })),
    fc
      .tuple(bounds, fc.integer({ min: 1, max: 9 }))
      .map(([[minimum], multipleOf]) => ({ type: 'integer', minimum, multipleOf })),
    fc.tuple(tie('schema'), fc.nat(3), fc.nat(2)).map(([items, minItems, more]) => ({
      type: 'array',
      items,
      minItems,
      maxItems: minItems + more,
    })),
    fc
      .tuple(names, names, fc.array(tie('schema'), { minLength: 4, maxLength: 4 }))
      .map(([required, others, values]) => ({
        type: 'object',
        properties: Object.fromEntries(
          [...new Set([...required, ...others])].map((name, index) => [name, values[index % 4]]),
        ),
        required,
        additionalProperties: false,
      })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
  ),
}))

describe('a sample', () => {
  test('fits its schema', () => {
    fc.assert(
      fc.property(schemas, fc.nat(3), (schema, ordinal) => {
        const sample: unknown = JSON.parse(JSON.stringify(sampleOf(schema, ordinal)))
        if (!fits(schema, sample)) expect.fail(`${JSON.stringify(sample)} does not fit ${JSON.stringify(schema)}`)
      }),
      { numRuns: 400 },
    )
  })

  test('is the same for the same ordinal, and another for another', () => {
    const schema = {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' } },
      required: ['city', 'days'],
    }
    expect(sampleOf(schema)).toEqual({ city: 'simulated city', days: 1 })
    expect(sampleOf(schema)).toEqual(sampleOf(schema, 0))
    expect(sampleOf(schema, 1)).toEqual({ city: 'simulated city 2', days: 2 })
  })

  test('follows references within the schema', () => {
    const schema = {
      $defs: { 'a/b': { type: 'object', properties: { x: { type: 'boolean' } }, required: ['x'] } },
      type: 'object',
      properties: { inner: { $ref: '#/$defs/a~1b' } },
      required: ['inner'],
    }
    expect(sampleOf(schema)).toEqual({ inner: { x: true } })
  })

  test('puts conjuncts together', () => {
    const one = { type: 'object', properties: { a: { type: 'boolean' } }, required: ['a'] }
    const other = { properties: { b: { type: 'null' } }, required: ['b'] }
    expect(sampleOf({ allOf: [one, other] })).toEqual({ a: true, b: null })
  })

  test('ends where a schema refers to itself', () => {
    const list = {
      type: 'object',
      properties: { next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } },
      required: ['next'],
    }
    expect(JSON.stringify(sampleOf(list))).toMatch(/^(\{"next":)+null\}+$/)
    const tree = {
      type: 'object',
      properties: { children: { type: 'array', items: { $ref: '#' } } },
      required: ['children'],
    }
    expect(JSON.stringify(sampleOf(tree))).toContain('"children":[]')
  })

  test.each([
    ['refers to itself without end', { $ref: '#' }],
    ['doubles itself', { allOf: [{ $ref: '#' }, { $ref: '#' }] }],
    ['asks for itself twice', { properties: { a: { $ref: '#' }, b: { $ref: '#' } }, required: ['a', 'b'] }],
    ['asks for a long list', { type: 'array', items: { type: 'array', minItems: 1e9 }, minItems: 1e9 }],
    ['asks for a long text', { type: 'string', minLength: 1e9 }],
  ])('stays small when a schema %s', (_, schema) => {
    expect((JSON.stringify(sampleOf(schema)) ?? '').length).toBeLessThan(1_000_000)
  })

  test('takes no harm from a schema that is none', () => {
    for (const schema of [
      undefined,
      null,
      true,
      'x',
      [],
      { $ref: 'https://example.com/x' },
      { $ref: '#/no/where' },
      { $ref: '#/100%' },
    ]) {
      expect(sampleOf(schema)).toBe('simulated')
    }
  })
})
