import { leaf, placesIn, readTree, writeTree } from './json-tree.ts'

/** Shorter texts than a JSON text: each with one value taken out or replaced by a plainer one, the greatest savings first. */
export function* simplerJson(text: string): Generator<string, void, void> {
  const count = placesOf(text)
  const outcomes: string[] = []
  for (let at = 0; at < Math.min(count, 400); at++) {
    for (const change of changes) {
      const node = readTree(text)
      if (node === undefined) return
      const root = { node }
      const place = placesIn(root)[at]
      if (place === undefined) continue
      change(place)
      const changed = writeTree(root.node)
      if (changed.length < text.length) outcomes.push(changed)
    }
  }
  yield* outcomes.toSorted((one, other) => one.length - other.length)
}

function placesOf(text: string): number {
  const node = readTree(text)
  return node === undefined ? 0 : placesIn({ node }).length
}

type Placed = ReturnType<typeof placesIn>[number]

const changes: readonly ((place: Placed) => void)[] = [
  (place) => place.remove?.(),
  (place) => place.replace(leaf('0')),
  (place) => place.replace(leaf('""')),
  (place) => place.replace(leaf('"a"')),
  (place) => place.replace(leaf('{}')),
  (place) => place.replace(leaf('[]')),
  (place) => {
    const { node } = place
    if (node.kind === 'list' && node.items[0] !== undefined) place.replace({ kind: 'list', items: [node.items[0]] })
    else if (node.kind === 'text' && node.text.startsWith('"') && node.text.length > 8)
      place.replace(leaf(shorter(node.text)))
  },
]

/** Half of a string, no escape cut in two. */
function shorter(text: string): string {
  const value = JSON.parse(text) as string
  return JSON.stringify(value.slice(0, value.length / 2))
}

/** The sequence with a run of its items left out: first halves, then less and less, in the end single items. */
export function* shorterList<Item>(items: readonly Item[]): Generator<Item[], void, void> {
  for (let run = Math.ceil(items.length / 2); run >= 1; run = run === 1 ? 0 : Math.ceil(run / 2)) {
    for (let start = 0; start < items.length; start += run) {
      if (run < items.length) yield items.toSpliced(start, run)
    }
  }
}

/** How often a failing input may be checked while it is made simpler. */
const mostChecks = 4000

/** The simplest input found that still fails in the same way. */
export async function simplest<Input>(
  input: Input,
  simpler: (input: Input) => Iterable<Input>,
  fails: (input: Input) => Promise<boolean>,
): Promise<Input> {
  let best = input
  let checks = 0
  for (let found = true; found;) {
    found = false
    for (const candidate of simpler(best)) {
      if (++checks > mostChecks) return best
      if (!(await fails(candidate))) continue
      best = candidate
      found = true
      break
    }
  }
  return best
}
