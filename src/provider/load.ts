import { readdir, readFile, stat } from 'node:fs/promises'
import { findPackageJSON } from 'node:module'
import { isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { z } from 'zod'
import { fail } from '../error/index.ts'
import type { Plugin } from './contract.ts'

/** Where plugins come from. */
export interface PluginSources {
  /** The folder whose subfolders with an `index.ts` or `index.js` are plugins; without it, there are the named ones only. */
  readonly builtIn?: URL
  /** Paths (`./`, `../`, `/` or `file:`) and npm packages, as the configuration names them. */
  readonly named: readonly string[]
  /** The folder that relative paths start from, and where packages are looked for first. */
  readonly baseDir: string
}

/** Plugins by their manifest's `type`: first the built-in ones by folder name, then the named ones in order. */
export type LoadedPlugins = ReadonlyMap<string, Plugin<unknown>>

/** Loads and checks every plugin. Throws one line that names the plugin at fault; none is ever left out silently. */
export async function loadPlugins({ builtIn, named, baseDir }: PluginSources): Promise<LoadedPlugins> {
  const loaded = new Map<string, Plugin<unknown>>()
  for (const { name, find } of [...(await builtInPlugins(builtIn)), ...namedPlugins(named, baseDir)]) {
    const plugin = await explain(name, async () => checked(await import(/* @vite-ignore */ (await find()).href)))
    const { type } = plugin.manifest
    if (loaded.has(type)) throw pluginError(name, `another plugin has the type "${type}" already`)
    loaded.set(type, plugin)
  }
  return loaded
}

interface Found {
  /** What the operator knows the plugin by. */
  readonly name: string
  readonly find: () => Promise<URL>
}

async function builtInPlugins(folder: URL | undefined): Promise<Found[]> {
  if (folder === undefined) return []
  const root = fileURLToPath(folder)
  const entries = await readdir(root, { withFileTypes: true }).catch((cause: unknown) => {
    throw fail('internal', `the folder of plugins cannot be read: ${root}`, { cause })
  })
  const found: Found[] = []
  for (const name of entries.map((entry) => entry.name).toSorted()) {
    const file = await indexOf(join(root, name))
    if (file !== undefined) found.push({ name, find: async () => pathToFileURL(file) })
  }
  return found
}

function namedPlugins(named: readonly string[], baseDir: string): Found[] {
  return named.map((name) => ({
    name,
    find: () => (isPath(name) ? findByPath(name, baseDir) : findPackage(name, baseDir)),
  }))
}

function isPath(name: string): boolean {
  return /^\.{0,2}\/|^\.{1,2}$|^file:/.test(name) || isAbsolute(name)
}

async function findByPath(name: string, baseDir: string): Promise<URL> {
  const path = name.startsWith('file:') ? fileURLToPath(name) : resolve(baseDir, name)
  const file = (await isFile(path)) ? path : await indexOf(path)
  if (file === undefined) throw new Error(`no such file, and no index.ts or index.js in it: ${path}`)
  return pathToFileURL(file)
}

async function indexOf(folder: string): Promise<string | undefined> {
  for (const file of ['index.ts', 'index.js']) {
    const path = join(folder, file)
    if (await isFile(path)) return path
  }
  return undefined
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}

/** A package's entry, found from the configuration's folder or else from the gateway's own. */
async function findPackage(name: string, baseDir: string): Promise<URL> {
  const description =
    packageJson(name, pathToFileURL(join(baseDir, 'configuration'))) ?? packageJson(name, import.meta.url)
  if (description === undefined) throw new Error('no such npm package is installed')
  const { exports, main } = packageShape.parse(JSON.parse(await readFile(description, 'utf8')))
  const entry = entryOf(exports) ?? main ?? './index.js'
  return new URL(entry, pathToFileURL(description))
}

function packageJson(name: string, base: URL | string): string | undefined {
  try {
    return findPackageJSON(name, base)
  } catch {
    return undefined
  }
}

const packageShape = z.looseObject({ exports: z.unknown().optional(), main: z.string().optional() })

/** The file that `import` of the package's bare name means. Node resolves this itself only from a module beside it. */
function entryOf(exports: unknown): string | undefined {
  if (typeof exports === 'string') return exports
  if (typeof exports !== 'object' || exports === null) return undefined
  for (const [condition, target] of Object.entries(exports)) {
    if (!['.', 'import', 'node', 'default'].includes(condition)) continue
    const entry = entryOf(target)
    if (entry !== undefined) return entry
  }
  return undefined
}

const isFunction = (value: unknown): boolean => typeof value === 'function'
const isSchema = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'parse' in value && isFunction(value.parse) && 'safeParse' in value

const pluginShape = z.looseObject({
  manifest: z.looseObject({
    type: z.string().regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, 'must be a lower-case word, such as "acme" or "acme-west"'),
    contract: z.literal('switchyard.v1', 'must be "switchyard.v1", the contract of this gateway'),
    title: z.string(),
    models: z.array(z.string().regex(/^([^*\s]+\*?|\*)$/, 'must be a model name, or a prefix that ends in "*"')),
    settings: z.custom(isSchema, 'must be a schema, with parse and safeParse'),
    catalog: z.string().min(1).optional(),
    operatorOnly: z.array(z.string()).optional(),
    placedBy: z.array(z.string()).optional(),
  }),
  create: z.custom(isFunction, 'must be a function'),
})

/** The plugin a module exports by default, its manifest checked. */
function checked(module: unknown): Plugin<unknown> {
  const exported = module !== null && typeof module === 'object' && 'default' in module ? module.default : undefined
  if (exported === undefined) throw new Error('it has no default export')
  const result = pluginShape.safeParse(exported)
  if (result.success) return exported as Plugin<unknown>
  const [issue] = result.error.issues
  throw new Error(issue ? [issue.path.join('.'), issue.message].filter(Boolean).join(': ') : 'it is not a plugin')
}

async function explain<Result>(name: string, step: () => Promise<Result>): Promise<Result> {
  try {
    return await step()
  } catch (thrown) {
    throw pluginError(name, thrown instanceof Error ? thrown.message : String(thrown), thrown)
  }
}

function pluginError(name: string, problem: string, cause?: unknown): Error {
  const line = problem.replaceAll(/\s+/g, ' ').slice(0, 500)
  return fail('internal', `plugin "${name}" cannot be loaded: ${line}`, { cause })
}
