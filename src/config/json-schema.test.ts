import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { configJsonSchema } from './json-schema.ts'
import { configSchema } from './schema.ts'

const docs = new URL('../../docs/', import.meta.url)
const page = readFileSync(new URL('configuration.md', docs), 'utf8')

interface Described {
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Described>>
  readonly items?: Described
}

function* fields(schema: Described, prefix = ''): Generator<[path: string, schema: Described]> {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    yield [prefix + name, property]
    yield* fields(property, `${prefix}${name}.`)
    if (property.items !== undefined) yield* fields(property.items, `${prefix}${name}[].`)
  }
}

test('the committed JSON Schema is the one the code has', () => {
  expect(readFileSync(new URL('configuration.schema.json', docs), 'utf8')).toBe(configJsonSchema())
})

test('every field has a description', () => {
  const all = [...fields(JSON.parse(configJsonSchema()) as Described)]
  expect(all.length).toBeGreaterThan(40)
  expect(all.filter(([, { description = '' }]) => description === '').map(([name]) => name)).toEqual([])
})

test('every field is on the page, with its default', () => {
  const missing = [...fields(JSON.parse(configJsonSchema()) as Described)].filter(([name, schema]) => {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\` |`))
    const { default: value } = schema
    const shown = typeof value === 'string' ? value : JSON.stringify(value)
    const hasDefault = value === undefined || schema.properties !== undefined || row?.includes(`| \`${shown}\` |`)
    return row === undefined || !hasDefault
  })
  expect(missing.map(([name]) => name)).toEqual([])
})

test('every example of the page is a configuration that loads', () => {
  const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = '']) => yaml)
  expect(examples.length).toBeGreaterThan(0)
  for (const yaml of examples) {
    expect(configSchema.safeParse(parseYaml(yaml)).error?.issues ?? []).toEqual([])
  }
})
