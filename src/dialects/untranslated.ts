import type { ZodType } from 'zod'
import { check } from './validate.ts'

/**
 * Adds the path of each member of `wire` that its schema does not list: what the contract has no field for, and a provider
 * of another format has to name as dropped. `known` is the schema's `shape`; members that are null say nothing.
 */
export function noteUnknown(wire: object, known: object, path: string, untranslated: string[]): void {
  for (const [key, value] of Object.entries(wire)) {
    if (value != null && !Object.hasOwn(known, key)) untranslated.push(path === '' ? key : `${path}.${key}`)
  }
}

/** A body that was checked, and the names of those of its members that its schema does not list. Throws as {@link check} does. */
export function checkNoting<Body extends object>(
  schema: ZodType<Body> & { readonly shape: object },
  value: unknown,
): { readonly wire: Body; readonly untranslated: string[] } {
  const wire = check(schema, value)
  const untranslated: string[] = []
  noteUnknown(wire, schema.shape, '', untranslated)
  return { wire, untranslated }
}
