import { z } from 'zod'
import { envelope } from './types.ts'

/*
 * Providers and models below `/api/v1/inference`. Bodies are strict: a misspelt field of a provider would otherwise be lost.
 */

const name = z.string().describe('unique; the part before the slash in "name/model"')
const settings = z.record(z.string(), z.unknown()).describe('settings of the plugin; its own schema checks them')
const keyed = {
  envVar: z.string().nullish().describe('name of the environment variable that holds the key'),
  apiKey: z.string().nullish().describe('the key itself, to be stored encrypted; never returned'),
  keyFile: z.string().nullish().describe('path of the file that holds the key'),
}

/** Body of `POST /api/v1/inference/providers`. */
export const newProvider = z.strictObject({
  name: name.min(1),
  type: z.string().min(1).describe('type of a loaded plugin'),
  defaultModel: z.string().nullish().describe('the model when a client names the provider alone'),
  baseUrl: z.string().nullish(),
  settings: settings.nullish(),
  ...keyed,
})

/** Body of `PUT /api/v1/inference/providers/:idOrName`: what is absent stays as it is. What an answer has beside that is let pass. */
export const providerChange = z.strictObject({
  name: name.min(1).nullish(),
  defaultModel: z.string().nullish(),
  baseUrl: z.string().nullish().describe('a new one needs the key again: envVar, apiKey or keyFile'),
  settings: settings.nullish(),
  ...keyed,
  id: z.unknown().optional(),
  type: z.string().nullish().describe('cannot be changed'),
  created: z.unknown().optional(),
  updated: z.unknown().optional(),
  keySource: z.unknown().optional(),
  configured: z.unknown().optional(),
  problem: z.unknown().optional(),
})

const provider = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  defaultModel: z.string(),
  envVar: z.string().describe('name of the environment variable that holds the key'),
  baseUrl: z.string().optional(),
  settings: z.record(z.string(), z.unknown()).optional(),
  created: z.iso.datetime().optional(),
  updated: z.iso.datetime().optional(),
  keySource: z
    .enum(['file', 'stored', 'none'])
    .optional()
    .describe('where the key is, if not in an environment variable'),
  keyFile: z.string().optional().describe('path of the file that holds the key'),
  configured: z
    .literal(true)
    .optional()
    .describe('declared by the configuration or the environment; cannot be changed here'),
  problem: z.string().optional().describe('what keeps it from serving on this replica'),
})

/** Answer of `GET /api/v1/inference/providers`. */
export const providerList = envelope(z.array(provider))
/** Answer of `GET /api/v1/inference/providers/:idOrName`. */
export const oneProvider = envelope(provider)

/** Answer of `DELETE /api/v1/inference/providers/:idOrName`. */
export const deletedProvider = envelope(z.object({ id: z.string() }))

/** Answer of `GET /api/v1/inference/models`. */
export const modelList = envelope(
  z.array(
    z.object({
      id: z.string(),
      provider: z.string(),
      ownedBy: z.string().optional(),
      operations: z.array(z.string()).optional(),
      contextTokens: z.number().optional(),
      maxOutputTokens: z.number().optional(),
      inputModalities: z.array(z.string()).optional(),
      outputModalities: z.array(z.string()).optional(),
      created: z.iso.datetime().optional(),
      firstSeen: z.iso.datetime().optional().describe('when the provider first listed it'),
      lastSeen: z.iso.datetime().optional().describe('when the provider last listed it'),
    }),
  ),
)

/** Body of `POST /api/v1/inference/models/sync`. */
export const syncRequest = z.strictObject({ provider: z.string().min(1).describe('id or name of the provider to ask') })
