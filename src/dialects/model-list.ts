import { timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt'
import { fail } from '../error/index.ts'
import type { ListedModel } from './contract.ts'

/** A JSON object whose fields are not known to be there. */
export type Fields = Readonly<Record<string, unknown>>

/** The objects of a list in a body, under the first of these names that has one, or the body itself. Throws `provider_error` without. */
export function listIn(text: string, ...names: readonly string[]): { readonly body: Fields; readonly items: Fields[] } {
  const value = jsonOf(text)
  if (Array.isArray(value)) return { body: {}, items: value.filter(isFields) }
  const body = fieldsOf(value)
  const list = names.map((name) => body[name]).find((found) => Array.isArray(found))
  if (list === undefined) throw unreadable()
  return { body, items: (list as unknown[]).filter(isFields) }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw unreadable(cause)
  }
}

function unreadable(cause?: unknown): Error {
  return fail('provider_error', "the provider's list of models cannot be read", { cause })
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An object within an object; an empty one where there is none. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {}
}

/** Text, or nothing where there is none. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The words of a list. */
export function wordsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((word) => typeof word === 'string') : []
}

/** The first of these that is a whole number over zero, as the contract counts tokens. */
export function tokensOf(...values: readonly unknown[]): bigint {
  const found = values.find((value) => Number.isSafeInteger(value) && (value as number) > 0)
  return found === undefined ? 0n : BigInt(found as number)
}

/** A time in seconds since the epoch, or as RFC 3339. */
export function createdAt(value: unknown): Pick<ListedModel, 'created'> {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0 && value < 1e11)
    return { created: timestampFromMs(Math.trunc(value) * 1000) }
  const date = typeof value === 'string' ? new Date(value) : undefined
  return date === undefined || Number.isNaN(date.getTime()) ? {} : { created: timestampFromDate(date) }
}
