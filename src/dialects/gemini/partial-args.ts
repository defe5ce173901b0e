import { textOf } from '../scalars.ts'
import type { WirePartialArg } from './types.ts'

type Node = Record<string, unknown> | unknown[]

/**
 * Arguments that arrive value by value, each under its JSON path (`$.place.cities[0]`); a string may arrive in pieces. Paths that
 * cannot be are passed over.
 */
export class PartialArguments {
  /** Without a prototype, so that no name of an argument means anything here. */
  readonly #root: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  #open: string | undefined

  /** Takes one value in. */
  add(piece: WirePartialArg): void {
    const path = textOf(piece.jsonPath)
    const steps = stepsOf(path)
    const last = steps?.pop()
    if (steps === undefined || last === undefined) return
    const parent = steps.reduce<Node | undefined>(
      (node, step, index) => node && childOf(node, step, steps[index + 1] ?? last),
      this.#root,
    )
    if (parent === undefined || !fits(parent, last)) return
    const value = valueOf(piece)
    const before = (parent as Record<string | number, unknown>)[last]
    const continues = this.#open === path && typeof before === 'string' && typeof value === 'string'
    ;(parent as Record<string | number, unknown>)[last] = continues ? before + value : value
    this.#open = piece.willContinue === true ? path : undefined
  }

  /** The arguments so far, as JSON text. */
  text(): string {
    return JSON.stringify(this.#root)
  }
}

function valueOf({ stringValue, numberValue, boolValue }: WirePartialArg): unknown {
  return stringValue ?? numberValue ?? boolValue ?? null
}

/** Steps of a path at most: nobody nests arguments deeper, and what is too deep cannot be written. */
const mostSteps = 100

/** The names and indices of a path; undefined when it is not one of members alone. */
function stepsOf(path: string): (string | number)[] | undefined {
  const steps: (string | number)[] = []
  const step = /\.([^.[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y
  step.lastIndex = path.startsWith('$') ? 1 : path.length
  while (step.lastIndex < path.length) {
    const found = step.exec(path)
    if (found === null || steps.length === mostSteps) return undefined
    const [, name, index, single, double] = found
    if (index !== undefined) steps.push(Number(index))
    else steps.push(name ?? (single ?? double ?? '').replaceAll(/\\(.)/g, '$1'))
  }
  return steps
}

/** True where a step can be taken: an index may lengthen its list by one, and no more. */
function fits(node: Node, step: string | number): boolean {
  return Array.isArray(node) ? typeof step === 'number' && step <= node.length : typeof step === 'string'
}

function childOf(node: Node, step: string | number, next: string | number): Node | undefined {
  if (!fits(node, step)) return undefined
  const members = node as Record<string | number, unknown>
  const known = members[step]
  if (known !== null && typeof known === 'object') return known as Node
  const made: Node = typeof next === 'number' ? [] : (Object.create(null) as Record<string, unknown>)
  members[step] = made
  return made
}
