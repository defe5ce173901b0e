/** JSON as a tree that can also hold what no JavaScript value can: a name twice, `__proto__`, numbers beyond all limits. */
export type JsonNode =
  | { readonly kind: 'text'; text: string }
  | { readonly kind: 'list'; items: JsonNode[] }
  | { readonly kind: 'object'; members: Member[] }

/** One member of an object. */
export interface Member {
  name: string
  value: JsonNode
}

/** Where a value stands: in a list, in an object, or as the whole. */
export interface Place {
  readonly node: JsonNode
  replace(by: JsonNode): void
  /** Takes the value out; the whole cannot be. */
  remove?(): void
  /** Adds another value after this one, under the same name in an object. */
  repeat?(value: JsonNode): void
  rename?(name: string): void
}

/** Reads a text; undefined when it is not JSON. */
export function readTree(text: string): JsonNode | undefined {
  try {
    return treeOf(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** What lies deeper is one text. */
const depthLimit = 50

function treeOf(value: unknown, depth = 0): JsonNode {
  if (value === null || typeof value !== 'object' || depth > depthLimit) return leaf(textOf(value))
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => treeOf(item, depth + 1)) }
  const members = Object.entries(value).map(([name, inner]) => ({ name, value: treeOf(inner, depth + 1) }))
  return { kind: 'object', members }
}

function textOf(value: unknown): string {
  return typeof value === 'number' && !Number.isFinite(value) ? `${value < 0 ? '-' : ''}1e999` : JSON.stringify(value)
}

/** A value given as its text, which need not be one that JSON allows. */
export function leaf(text: string): JsonNode {
  return { kind: 'text', text }
}

/** The tree as JSON text. */
export function writeTree(node: JsonNode): string {
  switch (node.kind) {
    case 'text':
      return node.text
    case 'list':
      return `[${node.items.map(writeTree).join(',')}]`
    case 'object':
      return `{${node.members.map(({ name, value }) => `${JSON.stringify(name)}:${writeTree(value)}`).join(',')}}`
    default:
      return node satisfies never
  }
}

/** Every value of the tree with where it stands, the outer before the inner. */
export function placesIn(root: { node: JsonNode }): Place[] {
  const places: Place[] = [{ node: root.node, replace: (by) => (root.node = by) }]
  collect(root.node, places)
  return places
}

function collect(node: JsonNode, places: Place[]): void {
  if (node.kind === 'text') return
  for (const place of node.kind === 'list' ? inList(node.items) : inObject(node.members)) {
    places.push(place)
    collect(place.node, places)
  }
}

function inList(items: JsonNode[]): Place[] {
  return items.map((node) => ({
    node,
    replace: (by) => void items.splice(items.indexOf(node), 1, by),
    remove: () => void items.splice(items.indexOf(node), 1),
    repeat: (value) => void items.splice(items.indexOf(node) + 1, 0, value),
  }))
}

function inObject(members: Member[]): Place[] {
  return members.map((member) => ({
    node: member.value,
    replace: (by) => (member.value = by),
    remove: () => void members.splice(members.indexOf(member), 1),
    repeat: (value) => void members.splice(members.indexOf(member) + 1, 0, { name: member.name, value }),
    rename: (name) => (member.name = name),
  }))
}
