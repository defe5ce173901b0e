import { isIP } from 'node:net'
import { z } from 'zod'
import { permissions } from '../dialects/permissions.ts'
import { isBaseUrl, providerName } from '../registry/spec.ts'
import { isAllowedVariable } from '../registry/variables.ts'
import { aliasesSchema } from './aliases.ts'
import { duration } from './duration.ts'
import { batchesSchema } from './batches.ts'
import { videosSchema } from './videos.ts'
import { mediaSchema } from './media.ts'
import { section, text, wholeNumber } from './section.ts'

/** Reports every value of `of` that an earlier entry of a list has too. */
function refuseTwins<Entry>(field: string, of: (entry: Entry) => string) {
  return (entries: readonly Entry[], context: z.RefinementCtx): void => {
    const seen = new Set<string>()
    for (const [index, entry] of entries.entries()) {
      const value = of(entry)
      if (seen.has(value)) {
        context.addIssue({ code: 'custom', path: [index, field], message: `an earlier entry has the same ${field}` })
      }
      seen.add(value)
    }
  }
}

const tlsSchema = section({
  cert: text().describe('Path of the certificate chain, PEM.'),
  key: text().describe('Path of the private key, PEM.'),
})

function isHost(value: string): boolean {
  return isIP(value) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(value)
}

function isOrigin(value: string): boolean {
  return value === '*' || (URL.canParse(value) && new URL(value).origin === value)
}

const corsSchema = section({
  origins: z
    .array(z.string().refine(isOrigin, { error: 'must be an origin such as "https://app.example.com", or "*"' }))
    .default([])
    .describe('Origins of web pages that may call; "*" means every one. Empty: no CORS header is ever sent.'),
})

const serverSchema = section({
  host: z
    .string()
    .refine(isHost, { error: 'must be a host name or an IP address, without a port' })
    .default('127.0.0.1')
    .describe('Address to listen on. Keys are required on any address that is not loopback.'),
  port: wholeNumber(0, 65_535)
    .default(3000)
    .describe('Port for HTTP, gRPC, gRPC-Web and Connect alike; 0 takes a free one.'),
  tls: tlsSchema.optional().describe('Certificate to serve TLS with. Without it, the port speaks cleartext.'),
  drain_seconds: wholeNumber(0, 3600)
    .default(30)
    .describe('Seconds that calls in progress are given to finish after SIGTERM or SIGINT.'),
  body_limit_bytes: wholeNumber(1024, 512 * 1024 * 1024)
    .default(32 * 1024 * 1024)
    .describe('Largest request body taken, in bytes; a larger one is answered with 413.'),
  upload_limit_bytes: wholeNumber(1024, 512 * 1024 * 1024)
    .default(25 * 1024 * 1024)
    .describe('Largest file taken in a form to be asked about, in bytes; a larger one is answered with 413.'),
  cors: corsSchema.prefault({}).describe('Calls from web pages of other origins.'),
})

const modelPattern = z.string().regex(/^[^*\s]*[^\s]$/, { error: 'must be a model name, or a prefix ending in "*"' })

const keySchema = section({
  id: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { error: 'must be 1 to 64 letters, digits, ".", "_" or "-"' })
    .describe('Name of the key in logs and metrics; not a secret.'),
  hash: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, {
      error: 'must be "sha256:" and the 64 lower-case hex digits of the key\'s SHA-256',
    })
    .describe('SHA-256 of the key, as "sha256:" and 64 hex digits. The key itself is never written here.'),
  permissions: z.array(z.enum(permissions)).default(['models:use']).describe('What the key may do.'),
  models: z
    .array(modelPattern)
    .default([])
    .describe('Model names the key may ask for: exact, or a prefix ending in "*". Empty: all.'),
  accounts: z.array(text()).default([]).describe('Accounts (tenants) the key may act for.'),
})

const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
  error: 'must be the name of an environment variable that holds the key, not the key itself',
})

const providerSchema = section({
  name: z
    .string()
    .regex(providerName, { error: 'must be 1 to 128 letters, digits, ".", "_" or "-"' })
    .describe('Name of the provider in this gateway; the part before the slash in "name/model".'),
  type: text().describe('Type of a loaded plugin.'),
  default_model: text()
    .optional()
    .describe("Model to use when a client names the provider alone. Default: the plugin's."),
  env_var: variableName
    .optional()
    .describe("Environment variable that holds the key to the vendor. Default: the plugin's. See secrets.allowed_env."),
  env_vars: z
    .array(variableName)
    .default([])
    .describe('Environment variables that hold further keys. They must be set; so far only the first key is used.'),
  key_file: text()
    .optional()
    .describe('File that holds the key, read again when it changes; instead of env_var. See secrets.allowed_files.'),
  base_url: z
    .string()
    .refine(isBaseUrl, { error: 'must be an http or https URL without user, password, query or fragment' })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional()
    .describe("Where the vendor's API is. Default: the plugin's."),
  models: z.array(text()).default([]).describe('Models to list for this provider without asking it.'),
  settings: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Settings of the plugin; its own schema checks them.'),
})

const timeoutsSchema = section({
  connect: duration().prefault('5s').describe('To open a connection to a provider.'),
  first_event: duration()
    .prefault('60s')
    .describe(
      'From sending a request to the first event of the answer; not for images, sound, videos and generic requests, which have `total` alone.',
    ),
  between_events: duration().prefault('60s').describe('Between two events of an answer.'),
  request_body: duration().prefault('30s').describe('Without a byte of a request body that is still being sent.'),
  write: duration().prefault('60s').describe('For a client to take what was written to it.'),
  total: duration().prefault('10m').describe('For a whole call, all attempts together.'),
})

const retriesSchema = section({
  per_target: wholeNumber(0, 10)
    .default(2)
    .describe('Retries at one target after the first try, before the first event.'),
  budget: z
    .number()
    .min(0, { error: 'must be from 0 to 1' })
    .max(1, { error: 'must be from 0 to 1' })
    .default(0.2)
    .describe(
      'Retries allowed, as a share of the calls of the last seconds; keeps a failing provider from being flooded.',
    ),
  max_retry_after: duration(0)
    .prefault('10s')
    .describe('Longest Retry-After of a provider that is waited for; a longer one goes to the next target.'),
})

const logSchema = section({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Least severe level that is logged.'),
})

const storeSchema = section({
  keys_without_store: duration()
    .prefault('5m')
    .describe('How long keys of the store are still let in while the store does not answer.'),
})

const ledgerSchema = section({
  enabled: z
    .boolean()
    .default(true)
    .describe('False: calls are not written down, and neither usage nor requests can be asked for.'),
  max_spool_bytes: wholeNumber(1024 * 1024, 1024 ** 4)
    .default(1024 ** 3)
    .describe(
      'Most bytes of calls on this machine that wait for the store; with no room left, calls are refused with 503.',
    ),
  retention_days: wholeNumber(0, 36_500)
    .default(90)
    .describe('Days that each call is kept; sums of usage are kept for ever. 0: for ever, too.'),
  content_days: wholeNumber(1, 36_500)
    .default(30)
    .describe('Days that prompts and answers are kept, of accounts that want them kept.'),
})

const idempotencySchema = section({
  max_bytes: wholeNumber(0, 64 * 1024 * 1024)
    .default(4 * 1024 * 1024)
    .describe(
      'Largest answer that is kept for a day to be given again; a repeat of a request with a larger one is 409.',
    ),
})

const secretsSchema = section({
  allowed_env: z
    .array(z.string().regex(/^\*?[A-Za-z0-9_]+\*?$/, { error: 'must be a variable name, or one with "*" at an end' }))
    .default([])
    .describe('Environment variables that may hold provider keys, beside "*_API_KEY"; "*" may stand at either end.'),
  allowed_files: z
    .array(text())
    .default(['/run/secrets/*'])
    .describe(
      'Files that may hold provider keys: files, folders with all that is below them, or patterns with "*" in a name.',
    ),
})

interface NamesVariables {
  readonly env_var?: string | undefined
  readonly env_vars: readonly string[]
  readonly key_file?: string | undefined
}

/** Reports provider keys that are named twice or in two ways, or whose variable is not one that may be read. Never repeats the name. */
function checkVariables(
  provider: NamesVariables,
  allowed: readonly string[],
  report: (path: PropertyKey[], message: string) => void,
) {
  const seen = new Set<string>()
  const check = (name: string, path: PropertyKey[]): void => {
    if (!isAllowedVariable(name, allowed))
      report(path, 'only *_API_KEY may be read; allow others in secrets.allowed_env')
    if (seen.has(name)) report(path, 'this variable is named twice')
    seen.add(name)
  }
  if (provider.env_var !== undefined) check(provider.env_var, ['env_var'])
  if (provider.env_var !== undefined && provider.key_file !== undefined)
    report(['key_file'], 'the key is in a variable already: use env_var or key_file, not both')
  for (const [index, name] of provider.env_vars.entries()) check(name, ['env_vars', index])
}

/** Schema of the configuration file: YAML with snake_case keys, unknown keys refused, durations read as milliseconds. */
export const configSchema = section({
  server: serverSchema.prefault({}).describe('Where and how to listen.'),
  data_dir: text().default('.switchyard').describe('Folder for what the gateway keeps.'),
  keys: z
    .array(keySchema)
    .superRefine(refuseTwins('id', (key) => key.id))
    .superRefine(refuseTwins('hash', (key) => key.hash))
    .default([])
    .describe(
      'Keys that clients authenticate with. Without any, here or in the store: open on a loopback address; on any other a first key is made and shown.',
    ),
  providers: z
    .array(providerSchema)
    .superRefine(refuseTwins('name', (provider) => provider.name))
    .prefault([])
    .describe('Providers, beside those that start by themselves because their environment variable is set.'),
  aliases: aliasesSchema
    .prefault({})
    .describe('Model names for clients, each with a list of "provider/model" targets, or { targets: [...] }.'),
  plugins: z
    .array(text())
    .default([])
    .describe('Further plugins: paths of folders or files, or names of npm packages.'),
  timeouts: timeoutsSchema.prefault({}).describe('How long each wait may take: "250ms", "5s", "10m", or seconds.'),
  retries: retriesSchema.prefault({}).describe('What may be tried again, and how often.'),
  log: logSchema.prefault({}).describe('The log: JSON lines on standard output.'),
  store: storeSchema
    .prefault({})
    .describe('Where registry, keys and the request log are: a file in data_dir, or SWITCHYARD_DATABASE_URL.'),
  ledger: ledgerSchema
    .prefault({})
    .describe('The request log: a row for every call, written down before its client sees the end of it.'),
  idempotency: idempotencySchema
    .prefault({})
    .describe('Requests with an Idempotency-Key: answered once, and the answer kept for a day.'),
  media: mediaSchema
    .prefault({})
    .describe(
      'Files: what is uploaded, what batches read and write, media that are served by URL, and what requests name by URL.',
    ),
  batches: batchesSchema.prefault({}).describe('Batches: how much is worked on at once, and for how long.'),
  videos: videosSchema.prefault({}).describe('Videos: how the jobs of providers are followed.'),
  secrets: secretsSchema.prefault({}).describe('What may be read as a secret.'),
}).superRefine((config, context) => {
  for (const [index, provider] of config.providers.entries()) {
    checkVariables(provider, config.secrets.allowed_env, (path, message) => {
      context.addIssue({ code: 'custom', path: ['providers', index, ...path], message })
    })
  }
})

type Frozen<Value> = Value extends object ? { readonly [Key in keyof Value]: Frozen<Value[Key]> } : Value

/**
 * The configuration, complete with defaults. Keys are named as in the file; durations (`timeouts`,
 * `retries.max_retry_after`) are milliseconds, `aliases` is a list of names with their targets, paths are absolute.
 */
export type Config = Frozen<z.output<typeof configSchema>>
