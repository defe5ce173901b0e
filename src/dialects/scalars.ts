import type { JsonObject } from '@bufbuild/protobuf'

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

/** A number that every format can write, or zero. */
export function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
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

/** The objects in a list; none where there is no list. */
export function objectsOf<Item extends object>(value: readonly (Item | null)[] | null | undefined): readonly Item[] {
  return listOf(value).filter((item) => isObject(item)) as readonly Item[]
}

/** True for an object that is no list. */
export function isObject(value: unknown): value is object {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** Levels of an object that the contract carries: readers of protobuf stop at a hundred messages, and a level takes three. */
const rawDepth = 30

/**
 * An upstream's own object as the contract carries it beside what was read of it. Undefined for one that it cannot carry: too deep, or
 * with a number beyond those of JavaScript.
 */
export function rawOf(value: object): JsonObject | undefined {
  return isObject(value) && isCarried(value, rawDepth) ? (value as JsonObject) : undefined
}

function isCarried(value: unknown, levels: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (value === null || typeof value !== 'object') return true
  if (levels === 0) return false
  for (const member of Array.isArray(value) ? value : Object.values(value))
    if (!isCarried(member, levels - 1)) return false
  return true
}
