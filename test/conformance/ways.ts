import { Secret } from '#provider'
import { ask } from '../suites/asking.ts'
import type { CallContext, Plugin, Provider } from '../../src/provider/contract.ts'
import type { Egress } from '../../src/provider/egress.ts'
import { egressTo, jsonAnswer, silent } from './exchange.ts'

/** What is asked for at a path. */
export interface Endpoint {
  readonly format: string
  readonly counts: boolean
}

const endpoints: readonly (readonly [RegExp, Endpoint])[] = [
  [/\/chat\/completions$/, { format: 'openai', counts: false }],
  [/\/responses$/, { format: 'responses', counts: false }],
  [/\/messages\/count_tokens$|\/anthropic\/models\/count-tokens:rawPredict$/, { format: 'anthropic', counts: true }],
  [/\/messages$|\/anthropic\/models\/[^/]+:(?:rawPredict|streamRawPredict)$/, { format: 'anthropic', counts: false }],
  [/\/models\/[^/]+:countTokens$/, { format: 'gemini', counts: true }],
  [/\/models\/[^/]+:(?:generateContent|streamGenerateContent)$/, { format: 'gemini', counts: false }],
  [/\/model\/[^/]+\/converse(?:-stream)?$/, { format: 'bedrock', counts: false }],
  [/\/v2\/chat$/, { format: 'cohere', counts: false }],
  [/\/api\/chat$/, { format: 'ollama', counts: false }],
]

/** What a path of a vendor's API is for; undefined for one that no vendor has. */
export function endpointAt(url: string): Endpoint | undefined {
  const { pathname } = new URL(url)
  return endpoints.find(([path]) => path.test(pathname))?.[1]
}

/** One way to have a plugin ask its upstream: the format it then speaks, and what makes it speak that. */
export interface Way {
  readonly plugin: Plugin<unknown>
  readonly format: string
  readonly settings: unknown
  /** How the names of models begin that are asked for in this format. */
  readonly prefix: string
}

/** The key that every provider here is given. */
export const secret = 'the-key-of-the-kit'

/** What every call brings along. */
export function surroundingsOf(egress: Egress): Pick<CallContext, 'egress' | 'log' | 'credential'> {
  return { egress, log: silent, credential: { id: 'THE_KEY', secret: new Secret(secret) } }
}

/** The plugin's provider, which asks `egress`. */
export function open(
  { plugin, settings }: Pick<Way, 'plugin' | 'settings'>,
  egress: Egress,
): Provider | Promise<Provider> {
  const { type, baseUrl, baseUrlVariable } = plugin.manifest
  const place = baseUrl ?? baseUrlVariable?.toBaseUrl?.('example') ?? ''
  return plugin.create({ baseUrl: place, own: settings }, { name: type, egress, log: silent })
}

/** Settings that some plugin cannot be without; others do not know them. */
const needed = [{}, { region: 'eu-central-1' }, { project: 'a-project' }]
/** The choices of a format that plugins have. */
const choices = [{}, { api: 'chat' }, { api: 'responses' }, { api: 'native' }, { api: 'openai' }]
/** How names of models begin, of vendors that serve each model in a format of its own. */
const prefixes = ['', 'gpt-', 'claude-', 'gemini-']

/** Every format that a plugin speaks, found by asking: the first way that leads to each. None for one that asks no HTTP API. */
export async function waysOf(plugin: Plugin<unknown>): Promise<Way[]> {
  const found = new Map<string, Way>()
  for (const settings of settingsOf(plugin)) {
    for (const prefix of prefixes) {
      const format = await formatAsked(plugin, settings, `${prefix}model`)
      if (format !== undefined && !found.has(format)) found.set(format, { plugin, format, settings, prefix })
    }
  }
  return [...found.values()].toSorted((one, other) => (one.format < other.format ? -1 : 1))
}

function settingsOf({ manifest }: Plugin<unknown>): unknown[] {
  return needed.flatMap((base) =>
    choices.flatMap((choice) => {
      const { success, data } = manifest.settings.safeParse({ ...base, ...choice })
      return success ? [data] : []
    }),
  )
}

/** The format in which a model is asked for. */
async function formatAsked(plugin: Plugin<unknown>, settings: unknown, model: string): Promise<string | undefined> {
  let asked: string | undefined
  const egress = egressTo(async ({ url }) => {
    asked ??= endpointAt(url)?.format
    return jsonAnswer(404, '{}')
  })
  try {
    const provider = await open({ plugin, settings }, egress)
    const context: CallContext = {
      ...surroundingsOf(egress),
      signal: AbortSignal.timeout(30_000),
      streaming: false,
      requestId: 'r',
    }
    for await (const _event of provider.chat?.(ask(model, 'hello'), context) ?? []);
  } catch {
    // Nobody answered, and nobody was to: what was asked is all that counts.
  }
  return asked
}
