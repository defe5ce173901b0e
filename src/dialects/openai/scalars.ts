/*
 * Single values of an upstream's answer, where nothing is certain: what is not of the type it should be counts as absent, so that
 * the event made of it can be written in every format.
 */

/** A text, or an empty one. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** A count from zero, as 32 bits hold it. */
export function countOf(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.min(Math.trunc(value), 0xffff_ffff) : 0
}

/** A moment in seconds since 1970; zero when there is none, or none that a date can be. */
export function secondsOf(value: unknown): bigint {
  const seconds = Number(typeof value === 'string' || typeof value === 'number' ? value : 0)
  return seconds > 0 && seconds < 1e12 ? BigInt(Math.trunc(seconds)) : 0n
}

/** A list, or an empty one. */
export function listOf<Item>(value: readonly Item[] | null | undefined): readonly Item[] {
  return Array.isArray(value) ? (value as readonly Item[]) : []
}

/** True for an object that is no list. */
export function isObject(value: unknown): value is object {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
