/** A JSON object on its way into the one form that is compared. */
export type Body = Record<string, unknown>

/** Two spellings of a request that say the same: what is made of one to get the other, and why nothing is lost by it. */
export interface Alike {
  readonly why: string
  readonly apply: (body: Body) => Body
}

/** The value as an object; an empty one when it is anything else. */
export function object(value: unknown): Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : {}
}

/** The value as a list of objects; empty when it is anything else. */
export function objects(value: unknown): Body[] {
  return Array.isArray(value) ? value.map(object) : []
}

/** The body with `change` made to the objects of its list `name`, if it has it. */
export function each(body: Body, name: string, change: (one: Body) => Body): Body {
  return Array.isArray(body[name]) ? { ...body, [name]: objects(body[name]).map(change) } : body
}

/** The body with `change` made to its object `name`, if it has it. */
export function inside(body: Body, name: string, change: (one: Body) => Body): Body {
  const one = body[name]
  return typeof one === 'object' && one !== null && !Array.isArray(one)
    ? { ...body, [name]: change(one as Body) }
    : body
}

/** The body without the members named, where they are `idle`: what a member says that changes nothing. */
export function without(body: Body, names: readonly string[], idle: (value: unknown) => boolean = () => true): Body {
  return Object.fromEntries(Object.entries(body).filter(([name, value]) => !(names.includes(name) && idle(value))))
}

/** Whether a value says nothing: null, or a list or an object of nothing. */
export function isNothing(value: unknown): boolean {
  return value == null || (typeof value === 'object' && Object.keys(value).length === 0)
}

/** The value without members that are null, at any depth; not looked into where `opaque` says so: there a client's own data is. */
export function withoutNulls(value: unknown, opaque: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((one) => withoutNulls(one, opaque))
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([, member]) => member !== null)
  return Object.fromEntries(
    members.map(([name, member]) => [name, opaque.has(name) ? member : withoutNulls(member, opaque)]),
  )
}

/** What a path of `dropped` leads through: `a.b[0].c` is a, b, 0, c. */
function stepsOf(path: string): string[] {
  return path.split(/[.[\]]+/).filter((step) => step !== '')
}

/** The body without what the paths name, and the paths that name nothing in it. */
export function withoutPaths(
  body: Body,
  paths: readonly string[],
): { readonly body: Body; readonly unknown: string[] } {
  const copy = structuredClone(body)
  const unknown: string[] = []
  const thinned = new Set<unknown[]>()
  for (const path of paths) {
    const steps = stepsOf(path)
    const last = steps.pop() ?? ''
    const owner = steps.reduce<unknown>((node, step) => (node as Body | undefined)?.[step], copy)
    if (typeof owner !== 'object' || owner === null || !Object.hasOwn(owner, last)) unknown.push(path)
    else delete (owner as Body)[last]
    if (Array.isArray(owner)) thinned.add(owner)
  }
  // Only now, so that the paths that follow one into a list still count from its beginning.
  for (const list of thinned) list.splice(0, list.length, ...Object.values(list))
  return { body: copy, unknown }
}
