import { readFileSync } from 'node:fs'
import { z } from 'zod'

const file = new URL('schemas.json', import.meta.url)
const text = readFileSync(file, 'utf8').replaceAll('#/components/schemas/', '#/$defs/')
const schemas = JSON.parse(text) as Record<string, object>

/** What OpenAI's own document says of a body, by the name of its schema there. */
export function openaiSchema(name: string): z.ZodType {
  if (!Object.hasOwn(schemas, name)) throw new Error(`${name} was not copied`)
  return z.fromJSONSchema({ $ref: `#/$defs/${name}`, $defs: schemas } as z.core.JSONSchema.JSONSchema)
}
