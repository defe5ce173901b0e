import { z } from 'zod'
import { configSchema } from './schema.ts'

/** The JSON Schema of the configuration file, as text: what an editor needs to complete and check it. */
export function configJsonSchema(): string {
  const title = 'Configuration of the Switchyard inference gateway'
  return `${JSON.stringify({ title, ...z.toJSONSchema(configSchema, { io: 'input' }) }, null, 2)}\n`
}

if (import.meta.main) process.stdout.write(configJsonSchema())
