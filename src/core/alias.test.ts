import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import { readAliases } from './alias.ts'
import type { AliasRule, AliasTarget, LoadedProvider, Target } from './contract.ts'

function provider(name: string, defaultModel = ''): LoadedProvider {
  const record = create(ProviderSchema, { id: `id-of-${name}`, name, defaultModel })
  return { record, provider: {}, credentials: [], models: [], patterns: [] }
}

const providers = new Map(['a', 'b', 'c'].map((name) => [name, provider(name, name === 'a' ? 'standard' : '')]))

/** A target as `provider/model`, or the name of an alias. */
function to(word: string, order = 0, weight = 1): AliasTarget {
  const slash = word.indexOf('/')
  return { provider: slash < 0 ? '' : word.slice(0, slash), model: word.slice(slash + 1), order, weight }
}

const rule = (name: string, ...targets: AliasTarget[]): AliasRule => ({ name, targets })
const words = (targets: readonly Target[] | undefined): string[] =>
  (targets ?? []).map(({ provider: { record }, model }) => `${record.name}/${model}`)

/** Numbers that are spread evenly and always the same. */
function spread(): () => number {
  let state = 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

describe('targets', () => {
  test('go by order, wherever they stand', () => {
    const { targets, problems } = readAliases([rule('x', to('a/1', 2), to('b/2', 0), to('c/3', 1))], providers)
    expect(words(targets('x'))).toEqual(['b/2', 'c/3', 'a/1'])
    expect(problems).toEqual([])
  })

  test('of one order share the traffic by weight, and follow each other as fallbacks before those of the next', () => {
    const rules = [rule('x', to('a/1', 0, 6), to('b/2', 0, 3), to('c/3', 0, 1), to('a/last', 1))]
    const { targets } = readAliases(rules, providers, spread())
    const firsts = new Map<string, number>()
    for (let call = 0; call < 10_000; call++) {
      const drawn = words(targets('x'))
      expect(drawn.toSorted()).toEqual(['a/1', 'a/last', 'b/2', 'c/3'])
      expect(drawn.at(-1)).toBe('a/last')
      firsts.set(drawn[0] ?? '', (firsts.get(drawn[0] ?? '') ?? 0) + 1)
    }
    const share = (word: string): number => Math.round((firsts.get(word) ?? 0) / 100)
    expect(share('a/1')).toBeGreaterThan(57)
    expect(share('a/1')).toBeLessThan(63)
    expect(share('b/2')).toBeGreaterThan(27)
    expect(share('b/2')).toBeLessThan(33)
  })

  test('without a weight count as one', () => {
    const { targets } = readAliases([rule('x', to('a/1', 0, 0), to('b/2', 0, 1))], providers, spread())
    const firsts = Array.from({ length: 1000 }, () => words(targets('x'))[0])
    expect(firsts.filter((word) => word === 'a/1').length).toBeGreaterThan(400)
    expect(firsts.filter((word) => word === 'a/1').length).toBeLessThan(600)
  })

  test('without a model take the default of their provider', () => {
    expect(words(readAliases([rule('x', to('a/'))], providers).targets('x'))).toEqual(['a/standard'])
  })

  test('that are drawn only once are drawn at no cost: the same list each time', () => {
    const { targets } = readAliases([rule('x', to('a/1', 0), to('b/2', 1))], providers)
    expect(targets('x')).toBe(targets('x'))
  })
})

describe('an alias that leads to another', () => {
  test('has its targets in that place', () => {
    const rules = [rule('x', to('a/1', 0), to('y', 1), to('c/4', 2)), rule('y', to('c/3', 1), to('b/2', 0))]
    expect(words(readAliases(rules, providers).targets('x'))).toEqual(['a/1', 'b/2', 'c/3', 'c/4'])
  })

  test('counts it once, however many ways lead there', () => {
    const levels = Array.from({ length: 40 }, (_, level) =>
      rule(`n${level}`, to(`n${level + 1}`, 0), to(`n${level + 1}`, 1)),
    )
    const { targets, problems } = readAliases([...levels, rule('n40', to('a/1'))], providers)
    expect(problems).toEqual([])
    expect(words(targets('n0'))).toEqual(['a/1'])
  })
})

test('a chain without end in sight is cut, before it costs anything', () => {
  const chain = Array.from({ length: 20_000 }, (_, link) => rule(`n${link}`, to(`n${link + 1}`), to('a/1', 1)))
  const { targets, problems } = readAliases([...chain, rule('n20000', to('b/2'))], providers)
  expect(problems[0]?.message).toContain('which leads through more than 100 aliases')
  expect(words(targets('n0'))).toEqual(['a/1'])
  expect(words(targets('n19999'))).toEqual(['b/2', 'a/1'])
})

describe('what leads nowhere is left out and told, and the rest serves:', () => {
  test.each<[what: string, bad: AliasTarget, told: string]>([
    ['a provider that does not exist', to('nobody/m'), 'the alias "x" leads to "nobody/m", but no provider'],
    ['an alias that does not exist', to('nobody'), 'the alias "x" leads to "nobody", but there is neither'],
    ['itself', to('x'), 'the alias "x" leads to "x", which leads back to itself: x > x'],
    ['a circle', to('y'), 'the alias "x" leads to "y", which leads back to itself: x > y > z > x'],
    ['no model at all', to('b/'), 'the alias "x" leads to "b", which names no model'],
    ['nothing', to(''), 'the alias "x" leads to "", but'],
    ['a weight below zero', to('a/1', 0, -1), 'the alias "x" leads to "a/1", whose weight'],
    ['a weight that is no number', to('a/1', 0, Number.NaN), 'the alias "x" leads to "a/1", whose weight'],
    ['a weight without end', to('a/1', 0, Number.POSITIVE_INFINITY), 'the alias "x" leads to "a/1", whose weight'],
    ['an order that is none', to('a/1', 0.5), 'the alias "x" leads to "a/1", whose order'],
  ])('%s', (_, bad, told) => {
    const rules = [rule('x', bad, to('c/good', 9)), rule('y', to('z'), to('b/2', 1)), rule('z', to('x'), to('b/3', 1))]
    const { targets, problems } = readAliases(rules, providers)
    expect(words(targets('x'))).toContain('c/good')
    expect(problems.find(({ alias }) => alias === 'x')?.message).toContain(told)
  })

  test('a circle, which is cut wherever it would close', () => {
    const rules = [rule('x', to('y'), to('a/1', 1)), rule('y', to('x'), to('b/2', 1))]
    const { targets, problems } = readAliases(rules, providers)
    expect(problems.map(({ alias }) => alias)).toEqual(['x', 'y'])
    expect([words(targets('x')), words(targets('y'))]).toEqual([['a/1'], ['b/2']])
  })

  test.each(['', 'a b', 'a*b', 'n'.repeat(600)])('a name that none can have ("%s")', (name) => {
    const { targets, problems } = readAliases([rule(name, to('a/1')), rule('x', to('b/2'))], providers)
    expect(targets(name)).toEqual([])
    expect(words(targets('x'))).toEqual(['b/2'])
    expect(problems).toHaveLength(1)
  })

  test('nothing is left of an alias whose every target is wrong; it is still an alias', () => {
    const { targets } = readAliases([rule('x', to('nobody/m'))], providers)
    expect([targets('x'), targets('y')]).toEqual([[], undefined])
  })
})
