import fc from 'fast-check'
import { type JsonNode, leaf, type Place, placesIn, readTree, writeTree } from './json-tree.ts'
import { nastyNames, nastyTexts } from './nasty.ts'

/** One change to a JSON text. Positions are any numbers: they are taken modulo what is there. */
export interface JsonEdit {
  readonly at: number
  readonly change: Change
}

type Change =
  | { readonly kind: 'set' | 'twice' | 'add'; readonly name: string; readonly text: string }
  | { readonly kind: 'rename'; readonly name: string }
  | { readonly kind: 'drop' | 'wrap' | 'unwrap' | 'unfold' }
  | { readonly kind: 'copy' | 'exchange'; readonly from: number }
  | { readonly kind: 'stretch'; readonly times: number }
  | { readonly kind: 'nest'; readonly depth: number; readonly list: boolean }

/** Names and values that a format knows, to be put where they do not belong. */
export interface Dictionary {
  readonly names: readonly string[]
  readonly texts: readonly string[]
}

/** Any number, all equally likely, for positions. */
export const position: fc.Arbitrary<number> = fc.noBias(fc.nat({ max: 0x3fff_ffff }))

/** Any one change, with the names and values of a format among those it puts in. */
export function jsonEdit({ names, texts }: Dictionary): fc.Arbitrary<JsonEdit> {
  const name = fc.oneof(fc.constantFrom(...nastyNames), fc.constantFrom(...names))
  const text = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...nastyTexts) }, fc.constantFrom(...texts), fc.json())
  const change: fc.Arbitrary<Change> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('set', 'set', 'twice', 'add'), name, text }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('drop', 'drop', 'wrap', 'unwrap', 'unfold') }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('copy', 'exchange'), from: position }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('rename'), name }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('stretch'), times: fc.constantFrom(2, 40, 3000) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('nest'),
        depth: fc.constantFrom(3, 40, 70, 200, 6000),
        list: fc.boolean(),
      }),
    },
  )
  return fc.record({ at: position, change })
}

/** The text with the changes made; a text that is not JSON stays as it is. */
export function editJson(text: string, edits: readonly JsonEdit[]): string {
  const node = readTree(text)
  if (node === undefined) return text
  const root = { node }
  for (const { at, change } of edits) {
    const places = placesIn(root)
    const place = places[at % places.length]
    if (place !== undefined) make(change, place, places)
  }
  return writeTree(root.node)
}

function make(change: Change, place: Place, places: readonly Place[]): void {
  const { node } = place
  switch (change.kind) {
    case 'set':
      return place.replace(leaf(change.text))
    case 'twice':
      return place.repeat?.(leaf(change.text))
    case 'add':
      return add(node, change.name, leaf(change.text))
    case 'rename':
      return place.rename?.(change.name)
    case 'drop':
      return place.remove?.()
    case 'wrap':
      return place.replace({ kind: 'list', items: [node] })
    case 'unwrap':
      return place.replace(childrenOf(node)[0] ?? leaf('null'))
    case 'unfold':
      return place.replace(leaf(JSON.stringify(writeTree(node))))
    case 'copy':
      return place.replace(leaf(writeTree(places[change.from % places.length]?.node ?? node)))
    case 'exchange':
      return exchange(place, places[change.from % places.length] ?? place)
    case 'stretch':
      return stretch(place, change.times)
    case 'nest':
      return place.replace(leaf(nested(writeTree(node), change.depth, change.list)))
    default:
      return change satisfies never
  }
}

function childrenOf(node: JsonNode): JsonNode[] {
  if (node.kind === 'text') return []
  return node.kind === 'list' ? node.items : node.members.map(({ value }) => value)
}

function add(node: JsonNode, name: string, value: JsonNode): void {
  if (node.kind === 'list') node.items.push(value)
  else if (node.kind === 'object') node.members.push({ name, value })
}

/** Texts and not nodes change places, so that neither ends up inside itself. */
function exchange(one: Place, other: Place): void {
  const [first, second] = [writeTree(one.node), writeTree(other.node)]
  one.replace(leaf(second))
  other.replace(leaf(first))
}

/** Makes a string, or a list, so many times as long. */
function stretch(place: Place, times: number): void {
  const { node } = place
  const text = writeTree(node)
  if (text.length * times > 1_000_000) return
  if (node.kind === 'text') place.replace(leaf(text.startsWith('"') ? `"${text.slice(1, -1).repeat(times)}"` : text))
  else for (let count = 1; count < Math.min(times, 300); count++) place.repeat?.(leaf(text))
}

function nested(text: string, depth: number, list: boolean): string {
  return list ? '['.repeat(depth) + text + ']'.repeat(depth) : '{"a":'.repeat(depth) + text + '}'.repeat(depth)
}

/** The names and values in JSON texts, each once, at most `limit` of both. */
export function dictionaryOf(texts: Iterable<string>, limit = 400): Dictionary {
  const names = new Set<string>(['type'])
  const values = new Set<string>(['null'])
  for (const text of texts) {
    const node = readTree(text)
    if (node === undefined) continue
    for (const place of placesIn({ node })) {
      if (place.node.kind === 'object')
        for (const { name } of place.node.members) if (names.size < limit) names.add(name)
      const written = writeTree(place.node)
      if (written.length < 200 && values.size < limit) values.add(written)
    }
  }
  return { names: [...names], texts: [...values] }
}
