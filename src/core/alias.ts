import type { AliasRule, AliasTarget, LoadedProvider, Target } from './contract.ts'

/** Where aliases lead. */
export interface Aliases {
  /** The targets of an alias in the order to try them, drawn anew each time where they share traffic; undefined when there is no such alias. */
  readonly targets: (name: string) => readonly Target[] | undefined
  /** What is wrong with the aliases, in words for who set them. A target that is wrong is left out; the others serve. */
  readonly problems: readonly AliasProblem[]
}

/** One target of an alias, or a whole alias, that leads nowhere. */
export interface AliasProblem {
  readonly alias: string
  readonly message: string
}

/** One way on from an alias: to a target, or through another alias. */
interface Way {
  readonly order: number
  readonly weight: number
  readonly to: Target | string
}

interface Book {
  readonly rules: ReadonlyMap<string, AliasRule>
  readonly providers: ReadonlyMap<string, LoadedProvider>
  readonly problems: AliasProblem[]
}

/** How many other aliases one may lead through. */
const mostAliases = 100

/** The names that aliases may have: of a model, or a prefix ending in `*`. */
export const aliasName = /^(?:\*|[^*\s]{1,511}\*?)$/

/**
 * Reads aliases. Targets of the lowest order are drawn by weight, the others of that order follow, then those of higher orders. A
 * target without a provider is another alias, whose own targets stand in its place.
 */
export function readAliases(
  rules: readonly AliasRule[],
  providers: ReadonlyMap<string, LoadedProvider>,
  random: () => number = Math.random,
): Aliases {
  const problems: AliasProblem[] = []
  const book: Book = { rules: new Map(rules.map((rule) => [rule.name, rule])), providers, problems }
  const ways = new Map(rules.map((rule) => [rule.name, waysOf(rule, book)]))
  const fixed = new Map<string, readonly Target[]>()
  for (const [name, own] of ways)
    if (!isDrawn(own))
      fixed.set(
        name,
        own.map(({ to }) => to as Target),
      )
  return {
    problems,
    targets: (name) => fixed.get(name) ?? (ways.has(name) ? draw(name, ways, random, new Set()) : undefined),
  }
}

/** The ways of one alias, the lowest order first. */
function waysOf(rule: AliasRule, book: Book): Way[] {
  const { name, targets } = rule
  if (!aliasName.test(name)) {
    book.problems.push({ alias: name, message: 'the name must be a model name, or a prefix ending in "*"' })
    return []
  }
  const ways = targets.flatMap((target): Way[] => {
    const to = leadsTo(rule, target, book)
    if (typeof to !== 'object') {
      book.problems.push({ alias: name, message: `the alias "${name}" leads to "${wordFor(target)}", ${to}` })
      return []
    }
    return [{ order: target.order, weight: target.weight === 0 ? 1 : target.weight, ...to }]
  })
  return ways.toSorted((one, other) => one.order - other.order)
}

/** Where a target leads, or why it leads nowhere. */
function leadsTo({ name }: AliasRule, target: AliasTarget, book: Book): Pick<Way, 'to'> | string {
  const { weight, order, provider: providerName, model } = target
  if (!(weight >= 0 && Number.isFinite(weight))) return 'whose weight is no number from 0 up'
  if (!Number.isInteger(order) || order < 0) return 'whose order is no whole number from 0 up'
  if (providerName === '') {
    if (!book.rules.has(model)) return 'but there is neither a provider nor an alias of that name'
    return tangle(name, model, book) ?? { to: model }
  }
  const provider = book.providers.get(providerName)
  if (provider === undefined) return 'but no provider has that name'
  const asked = model === '' ? provider.record.defaultModel : model
  return asked === '' ? 'which names no model' : { to: { provider, model: asked } }
}

/** Why the aliases that an alias leads to cannot be followed: one of them leads back, or there are too many; undefined if they can. */
function tangle(start: string, first: string, { rules }: Book): string | undefined {
  const cameFrom = new Map([[first, start]])
  for (const name of cameFrom.keys()) {
    if (name === start) return `which leads back to itself: ${wayTo(start, cameFrom).join(' > ')}`
    if (cameFrom.size > mostAliases) return `which leads through more than ${mostAliases} aliases`
    for (const { provider, model } of rules.get(name)?.targets ?? [])
      if (provider === '' && !cameFrom.has(model)) cameFrom.set(model, name)
  }
  return undefined
}

/** The aliases on the way from `start` back to it. */
function wayTo(start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const way = [start]
  let name = cameFrom.get(start)
  for (; name !== undefined && name !== start; name = cameFrom.get(name)) way.unshift(name)
  return [start, ...way]
}

function wordFor({ provider, model }: AliasTarget): string {
  const word = [provider, model].filter((part) => part !== '').join('/')
  return word.length > 128 ? `${word.slice(0, 128)}…` : word
}

/** Whether the order of the targets is chosen anew for each call. */
function isDrawn(ways: readonly Way[]): boolean {
  return ways.some(({ order, to }, index) => typeof to === 'string' || ways[index + 1]?.order === order)
}

/** The targets of an alias for one call. An alias that is reached twice counts where it was reached first. */
function draw(
  name: string,
  ways: ReadonlyMap<string, readonly Way[]>,
  random: () => number,
  seen: Set<string>,
): Target[] {
  seen.add(name)
  return shuffled(ways.get(name) ?? [], random).flatMap(({ to }) => {
    if (typeof to !== 'string') return [to]
    return seen.has(to) ? [] : draw(to, ways, random, seen)
  })
}

/** By order, and within one order drawn one after the other, each as likely as its share of the weight that is left. */
function shuffled(ways: readonly Way[], random: () => number): readonly Way[] {
  return ways
    .map((way) => ({ way, lot: -Math.log(1 - random()) / way.weight }))
    .toSorted((one, other) => one.way.order - other.way.order || one.lot - other.lot)
    .map(({ way }) => way)
}
