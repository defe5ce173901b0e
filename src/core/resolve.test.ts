import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { ModelSchema, ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { AliasRule, LoadedProvider } from './contract.ts'
import { createRegistry } from './resolve.ts'

interface Made {
  readonly models?: readonly string[]
  readonly patterns?: readonly string[]
  readonly defaultModel?: string
}

function provider(name: string, { models = [], patterns = [], defaultModel = '' }: Made = {}): LoadedProvider {
  return {
    record: create(ProviderSchema, { id: `id-of-${name}`, name, type: name, defaultModel }),
    provider: {},
    credentials: [],
    models: models.map((id) => create(ModelSchema, { id })),
    patterns,
  }
}

/** Where a name leads, as `provider/model` targets. */
function leads(
  providers: readonly LoadedProvider[],
  aliases: readonly AliasRule[],
  model: string,
  forced = '',
): string[] {
  const { alias, targets } = createRegistry(providers, aliases).resolve(model, forced)
  expect(alias).toBe(model)
  return targets.map((target) => `${target.provider.record.name}/${target.model}`)
}

const failing = (reason: string) => expect.objectContaining({ reason }) as Error

describe('a name is tried in this order:', () => {
  const one = provider('one', { models: ['a', 'b', 'two/c'], patterns: ['a*', 'x-*'] })
  const two = provider('two', { models: ['a', 'c'], patterns: ['x-long-*', 'exact'] })
  const aliases = [
    { name: 'b', targets: ['two/better', 'one/b'] },
    { name: 'x-l*', targets: ['one/by-alias'] },
  ]

  test.each([
    ['an alias, with its targets in order', 'b', ['two/better', 'one/b']],
    ['a model that a provider lists; the first one wins', 'a', ['one/a']],
    ['a listed model, though it looks like provider/model', 'two/c', ['one/two/c']],
    ['provider/model, listed or not', 'two/unheard-of', ['two/unheard-of']],
    ['the longest matching prefix', 'x-1', ['one/x-1']],
    ['the longest one, an alias before a shorter manifest', 'x-l1', ['one/by-alias']],
    ['the longest one, a manifest before a shorter alias', 'x-long-1', ['two/x-long-1']],
    ['an exact name of a manifest', 'exact', ['two/exact']],
  ])('%s', (_, model, expected) => {
    expect(leads([one, two], aliases, model)).toEqual(expected)
  })

  test.each(['nothing', 'three/a', 'exact-ly', '/a', 'one/', '/'])('and otherwise is not found (%s)', (model) => {
    expect(() => leads([provider('one'), two], [], model)).toThrow(failing('model_not_found'))
  })

  test('none at all is a mistake of the caller', () => {
    expect(() => leads([one], [], '')).toThrow(failing('invalid_request'))
  })

  test('a name as long as a book is not repeated whole', () => {
    expect(() => leads([one], [], 'n'.repeat(100_000))).toThrow(/^.{1,300}$/)
  })
})

describe('patterns', () => {
  test('that fit equally go to the alias, and of providers to the first', () => {
    const [one, two] = [provider('one', { patterns: ['m-*'] }), provider('two', { patterns: ['m-*'] })]
    expect(leads([one, two], [], 'm-1')).toEqual(['one/m-1'])
    expect(leads([one, two], [{ name: 'm-*', targets: ['two/fixed'] }], 'm-1')).toEqual(['two/fixed'])
  })

  test('that name a model exactly win over a prefix of it', () => {
    const [one, two] = [provider('one', { patterns: ['gpt-4*'] }), provider('two', { patterns: ['gpt-4o'] })]
    expect(leads([one, two], [], 'gpt-4o')).toEqual(['two/gpt-4o'])
    expect(leads([one, two], [], 'gpt-4o-mini')).toEqual(['one/gpt-4o-mini'])
  })

  test('that end in slash and star are a namespace the upstream does not know of', () => {
    const one = provider('one', { patterns: ['vendor/*', 'deep/er/*', 'plain-*'] })
    expect(leads([one], [], 'vendor/model')).toEqual(['one/model'])
    expect(leads([one], [], 'deep/er/model/x')).toEqual(['one/model/x'])
    expect(leads([one], [], 'plain-model')).toEqual(['one/plain-model'])
  })

  test('that are a star alone catch what nothing else does', () => {
    const one = provider('one', { models: ['known'] })
    const aliases = [{ name: '*', targets: ['one/fallback'] }]
    expect(leads([one], aliases, 'whatever')).toEqual(['one/fallback'])
    expect(leads([one], aliases, 'known')).toEqual(['one/known'])
  })
})

describe('a provider that is forced', () => {
  const one = provider('one', { models: ['a'], defaultModel: 'standard' })
  const two = provider('two', { models: ['a'] })
  const aliases = [{ name: 'a', targets: ['one/other'] }]

  test.each([
    ['by name', 'a', 'two', ['two/a']],
    ['by id', 'a', 'id-of-two', ['two/a']],
    ['with its own name before the model', 'two/a', 'two', ['two/a']],
    ["with another's name before the model", 'one/a', 'two', ['two/one/a']],
    ['without a model', '', 'one', ['one/standard']],
  ])('%s', (_, model, forced, expected) => {
    expect(leads([one, two], aliases, model, forced)).toEqual(expected)
  })

  test('but does not exist is not found', () => {
    expect(() => leads([one, two], aliases, 'a', 'three')).toThrow(failing('not_found'))
  })

  test('without a model, and without one of its own, is a mistake of the caller', () => {
    expect(() => leads([one, two], aliases, '', 'two')).toThrow(failing('invalid_request'))
  })
})

describe('an alias', () => {
  test('without a model takes the default of its provider', () => {
    const one = provider('one', { defaultModel: 'standard' })
    expect(leads([one], [{ name: 'x', targets: ['one'] }], 'x')).toEqual(['one/standard'])
  })

  test.each([['nobody/model'], ['one']])('that leads nowhere fails the start (%s)', (target) => {
    expect(() => createRegistry([provider('one')], [{ name: 'x', targets: [target] }])).toThrow(
      /the alias "x" leads to/,
    )
  })

  test('may have a slash in the name of its model', () => {
    expect(leads([provider('one')], [{ name: 'x', targets: ['one/a/b'] }], 'x')).toEqual(['one/a/b'])
  })
})

test('a model is known, and may label metrics, only where its provider lists it', () => {
  const [one, two] = [provider('one', { models: ['a'] }), provider('two')]
  const registry = createRegistry([one, two], [])
  expect([registry.knows(one, 'a'), registry.knows(one, 'b'), registry.knows(two, 'a')]).toEqual([true, false, false])
})
