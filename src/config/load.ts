import { dirname, isAbsolute, resolve } from 'node:path'
import {
  applyOverrides,
  type ConfigFlags,
  type Environment,
  isMapping,
  type Override,
  readOverrides,
} from './overrides.ts'
import { ConfigError, pathText, type Problem, problemsOf } from './problems.ts'
import { type Config, configSchema } from './schema.ts'
import { readYamlFile, type YamlFile } from './yaml-file.ts'

export { ConfigError } from './problems.ts'
export type { ConfigFlags, Environment } from './overrides.ts'
export type { Config } from './schema.ts'

/** What a configuration is made from. */
export interface ConfigSources {
  /** The configuration file; when absent, the one that `SWITCHYARD_CONFIG` names, and without that, none. */
  readonly path?: string | undefined
  readonly env: Environment
  readonly flags: ConfigFlags
}

/**
 * The configuration: flags beat the environment, which beats the file, which beats the defaults. A relative path in the
 * file is taken from the file's own folder, one from elsewhere from the working directory. Throws a `ConfigError` that has
 * a line for each problem, with its place in the file or the flag or variable it came from.
 */
export function loadConfig({ path, env, flags }: ConfigSources): Config {
  const named = path ?? (env['SWITCHYARD_CONFIG'] || undefined)
  const file = named === undefined ? undefined : readYamlFile(named)
  const said = withoutEmptySections(file?.data ?? {})
  const overrides = readOverrides(env, flags)
  const config = parse(applyOverrides(said, overrides), file, overrides)

  const folder = named === undefined ? '.' : dirname(named)
  const isDataDirInFile =
    isMapping(said) && 'data_dir' in said && overrides.every((override) => override.path[0] !== 'data_dir')
  const placed = withAbsolutePaths(config, folder, isDataDirInFile ? folder : '.')
  return wantsSimulation(env, flags) ? withSimulation(placed) : placed
}

function parse(data: unknown, file: YamlFile | undefined, overrides: readonly Override[]): Config {
  const result = configSchema.safeParse(data)
  if (result.success) return result.data
  throw new ConfigError(lines(problemsOf(result.error.issues, data), file, overrides))
}

function lines(problems: readonly Problem[], file: YamlFile | undefined, overrides: readonly Override[]): string[] {
  const typed = problems.flatMap(({ path, message }) => {
    return overrides
      .filter((override) => pathText(override.path) === pathText(path))
      .map(({ origin }) => `${origin}: ${message}`)
  })
  const written = problems.filter(({ path }) =>
    overrides.every((override) => pathText(override.path) !== pathText(path)),
  )
  return [...typed, ...(file?.locate(written) ?? written.map(({ message }) => message))]
}

/** A section whose every line is commented out counts as absent. */
function withoutEmptySections(data: unknown): unknown {
  if (!isMapping(data)) return data
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null))
}

function withAbsolutePaths(config: Config, folder: string, dataFolder: string): Config {
  const { server, plugins, providers, secrets, media } = config
  const tls = server.tls && { cert: resolve(folder, server.tls.cert), key: resolve(folder, server.tls.key) }
  return {
    ...config,
    server: { ...server, tls },
    data_dir: resolve(dataFolder, config.data_dir),
    plugins: plugins.map((plugin) => (isPath(plugin) ? resolve(folder, plugin) : plugin)),
    providers: providers.map((provider) => withAbsoluteFile(provider, folder)),
    media: {
      ...media,
      folder: media.folder && resolve(folder, media.folder),
      s3: media.s3 && withAbsoluteFile(media.s3, folder),
    },
    secrets: { ...secrets, allowed_files: secrets.allowed_files.map((path) => resolve(folder, path)) },
  }
}

function withAbsoluteFile<Section extends { readonly key_file?: string | undefined }>(
  section: Section,
  folder: string,
): Section {
  return section.key_file === undefined ? section : { ...section, key_file: resolve(folder, section.key_file) }
}

/** What is not a path is the name of a package. */
function isPath(plugin: string): boolean {
  return isAbsolute(plugin) || /^\.{1,2}(\/|\\|$)/.test(plugin)
}

function wantsSimulation(env: Environment, flags: ConfigFlags): boolean {
  if (flags.simulate !== undefined) return flags.simulate
  const set = env['SWITCHYARD_SIMULATE'] ?? ''
  if (!/^(|0|1|true|false)$/.test(set)) throw new ConfigError(['SWITCHYARD_SIMULATE: must be 1 or 0'])
  return set === '1' || set === 'true'
}

/** Makes the simulator answer for every model name that has no other alias and that no provider lists or claims. */
function withSimulation(config: Config): Config {
  const others = config.aliases.filter(({ name }) => name !== '*')
  const echo = { provider: 'simulator', model: 'echo', order: 0, weight: 1 }
  return { ...config, aliases: [...others, { name: '*', targets: [echo] }] }
}
