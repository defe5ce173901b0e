import { asGatewayError } from '../../src/error/index.ts'

/** A broken promise that a fuzzer found: which one, and what was seen. */
export class Fault extends Error {
  override readonly name = 'Fault'
  /** A few words that all findings of the same fault share, so that each is told once. */
  readonly kind: string

  constructor(kind: string, message: string, cause?: unknown) {
    super(`${kind}: ${message}`, cause === undefined ? undefined : { cause })
    this.kind = cause === undefined ? kind : `${kind} ${placeOf(cause)}`
  }
}

/** Where in the project something was thrown, and what; numbers and quotes, which differ from find to find, are left out. */
function placeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return typeof thrown
  // An overflow shows wherever the stack happens to end.
  if (/call stack/.test(thrown.message)) return 'nested too deep'
  const frames = (thrown.stack ?? '').split('\n').slice(1)
  const own = frames.find((frame) => /\/(?:src|plugins)\//.test(frame)) ?? frames[0] ?? ''
  const place = /(?:src|plugins|node_modules)\/[^:)]+:\d+/.exec(own)?.[0] ?? ''
  return `${thrown.name} ${thrown.message.replaceAll(/-?\d[\d.e+-]*|"[^"]*"/g, '_').slice(0, 60)} ${place}`.trim()
}

/** The fault that something was thrown where nothing may be. */
export function thrownFault(kind: string, thrown: unknown): Fault {
  return new Fault(kind, thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : typeof thrown, thrown)
}

/** Runs a step in which nothing may be thrown, and makes a fault of what is. */
export function never<Result>(kind: string, step: () => Result): Result {
  try {
    return step()
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : thrownFault(kind, thrown)
  }
}

/** The thrown value as a gateway's error. Anything else, and the gateway's own failure, is a fault. */
export function onlyGatewayError(kind: string, thrown: unknown): ReturnType<typeof asGatewayError> {
  if (thrown instanceof Fault) throw thrown
  const error = asGatewayError(thrown)
  if (error.reason === 'internal') throw thrownFault(kind, error.details.cause ?? error)

  return error
}

const natures = [Object, Array, String, Number, Function, Map, Set, Promise].map(({ prototype }) => ({
  prototype: prototype as object,
  names: Reflect.ownKeys(prototype as object).length,
}))

/** Throws a fault when a prototype that everything shares has got a member. */
export function requireCleanPrototypes(): void {
  for (const { prototype, names } of natures) {
    if (Reflect.ownKeys(prototype).length === names) continue
    const added = Reflect.ownKeys(prototype).slice(names)
    for (const name of added) Reflect.deleteProperty(prototype, name)
    throw new Fault('prototype polluted', added.map(String).join(', '))
  }
}
