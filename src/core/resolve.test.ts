import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { type Model, ModelSchema, ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { AliasRule, AliasTarget, LoadedProvider } from './contract.ts'
import { createRegistry } from './resolve.ts'

interface Made {
  readonly models?: readonly string[]
  readonly patterns?: readonly string[]
  readonly defaultModel?: string
}

const listing = (id: string): Model => create(ModelSchema, { id })

function provider(name: string, { models = [], patterns = [], defaultModel = '' }: Made = {}): LoadedProvider {
  return {
    record: create(ProviderSchema, { id: `id-of-${name}`, name, type: name, defaultModel }),
    provider: {},
    credentials: [],
    models: models.map(listing),
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

/** Targets as the configuration has them: each by itself, in its place. */
function inOrder(...words: string[]): AliasTarget[] {
  return words.map((word, order) => {
    const [name = '', ...model] = word.split('/')
    return { provider: name, model: model.join('/'), order, weight: 1 }
  })
}

const failing = (reason: string) => expect.objectContaining({ reason }) as Error

describe('a name is tried in this order:', () => {
  const one = provider('one', { models: ['a', 'b', 'two/c'], patterns: ['a*', 'x-*'] })
  const two = provider('two', { models: ['a', 'c'], patterns: ['x-long-*', 'exact'] })
  const aliases = [
    { name: 'b', targets: inOrder('two/better', 'one/b') },
    { name: 'x-l*', targets: inOrder('one/by-alias') },
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
    expect(leads([one, two], [{ name: 'm-*', targets: inOrder('two/fixed') }], 'm-1')).toEqual(['two/fixed'])
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
    const aliases = [{ name: '*', targets: inOrder('one/fallback') }]
    expect(leads([one], aliases, 'whatever')).toEqual(['one/fallback'])
    expect(leads([one], aliases, 'known')).toEqual(['one/known'])
  })
})

describe('a provider that is forced', () => {
  const one = provider('one', { models: ['a'], defaultModel: 'standard' })
  const two = provider('two', { models: ['a'] })
  const aliases = [{ name: 'a', targets: inOrder('one/other') }]

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
    expect(leads([one], [{ name: 'x', targets: inOrder('one') }], 'x')).toEqual(['one/standard'])
  })

  test('may have a slash in the name of its model', () => {
    expect(leads([provider('one')], [{ name: 'x', targets: inOrder('one/a/b') }], 'x')).toEqual(['one/a/b'])
  })
})

describe('models that are known only because a provider was asked', () => {
  const one = provider('one', { patterns: ['m-*'] })
  const two = { ...provider('two', { models: ['both'] }), synced: ['m-1', 'both', 'own'].map(listing) }
  const three = { ...provider('three'), synced: ['both', 'own', 'third'].map(listing) }

  test.each([
    ['lose to a prefix that another provider claims', 'm-1', ['one/m-1']],
    ['lose to a model that is configured', 'both', ['two/both']],
    ['go to the first provider that lists them', 'own', ['two/own']],
    ['win over the alias for every name', 'third', ['three/third']],
  ])('%s', (_, name, expected) => {
    expect(leads([one, two, three], [{ name: '*', targets: inOrder('one/rest') }], name)).toEqual(expected)
  })
})

describe('a provider that cannot be used', () => {
  const broken = { ...provider('broken', { models: ['a'], patterns: ['m-*', 'm-long-*'] }), unusable: true }
  const well = provider('well', { models: ['a'], patterns: ['m-*'] })

  test('takes no name from others that claim it as well', () => {
    expect(leads([broken, well], [], 'a')).toEqual(['well/a'])
    expect(leads([broken, well], [], 'm-1')).toEqual(['well/m-1'])
  })

  test('keeps the names that are its own', () => {
    expect(leads([broken, well], [], 'broken/a')).toEqual(['broken/a'])
    expect(leads([broken, well], [], 'm-long-1')).toEqual(['broken/m-long-1'])
  })
})

test('of a model it is known what its provider lists, as configured or as asked', () => {
  const [one, two] = [provider('one', { models: ['a'] }), { ...provider('two'), synced: [listing('b')] }]
  const registry = createRegistry([one, two], [])
  expect(registry.model(one, 'a')?.id).toBe('a')
  expect(registry.model(two, 'b')?.id).toBe('b')
  expect([registry.model(one, 'b'), registry.model(two, 'a')]).toEqual([undefined, undefined])
})
