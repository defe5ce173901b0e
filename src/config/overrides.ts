import type { Environment } from '../registry/variables.ts'

/** Settings of the command line, as they were typed. An absent one was not given. */
export interface ConfigFlags {
  readonly host?: string | undefined
  readonly port?: string | undefined
  readonly dataDir?: string | undefined
  readonly logLevel?: string | undefined
  readonly simulate?: boolean | undefined
}

export type { Environment }

interface Setting {
  readonly path: readonly [string] | readonly [string, string]
  readonly flag: 'host' | 'port' | 'dataDir' | 'logLevel'
  readonly option: string
  readonly variable: string
  readonly read: (text: string) => unknown
}

const asText = (text: string): string => text
const asNumber = (text: string): number | string => (/^\d+$/.test(text) ? Number(text) : text)

const settings: readonly Setting[] = [
  { path: ['server', 'host'], flag: 'host', option: '--host', variable: 'SWITCHYARD_HOST', read: asText },
  { path: ['server', 'port'], flag: 'port', option: '--port', variable: 'SWITCHYARD_PORT', read: asNumber },
  { path: ['data_dir'], flag: 'dataDir', option: '--data-dir', variable: 'SWITCHYARD_DATA_DIR', read: asText },
  { path: ['log', 'level'], flag: 'logLevel', option: '--log-level', variable: 'SWITCHYARD_LOG_LEVEL', read: asText },
]

/** A setting that was given outside of the file. */
export interface Override {
  readonly path: readonly string[]
  readonly value: unknown
  /** What the person typed it as, such as `--port` or `SWITCHYARD_PORT`. */
  readonly origin: string
}

/** The settings given outside of the file; a flag beats the environment. */
export function readOverrides(env: Environment, flags: ConfigFlags): Override[] {
  return settings.flatMap(({ path, flag, option, variable, read }) => {
    const typed = flags[flag]
    if (typed !== undefined) return [{ path, value: read(typed), origin: option }]
    const set = env[variable]
    if (set !== undefined && set !== '') return [{ path, value: read(set), origin: variable }]
    return []
  })
}

type Mapping = Readonly<Record<string, unknown>>

/** Whether a value is a mapping of keys, as YAML has them: neither a list nor a scalar. */
export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What the file says with the overrides in it. Where the file is not a mapping it stays as it is, for the schema to refuse. */
export function applyOverrides(data: unknown, overrides: readonly Override[]): unknown {
  return overrides.reduce<unknown>((merged, { path, value }) => placed(merged, path, value), data)
}

function placed(data: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  const mapping = data ?? {}
  return isMapping(mapping) ? { ...mapping, [key]: placed(mapping[key], rest, value) } : data
}
