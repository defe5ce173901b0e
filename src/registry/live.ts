import type { AliasRule } from '../core/contract.ts'
import type { LiveRegistry } from '../core/live.ts'
import { createRegistry, type Registry } from '../core/resolve.ts'
import { fail, GatewayError } from '../error/index.ts'
import type { Follower } from '../store/mirror.ts'
import type { Snapshot } from '../store/snapshot.ts'
import { brokenInstance, type Instance, makeInstance, type Workshop } from './instance.ts'
import { loadedProvider } from './loaded.ts'
import { ModelReader } from './models.ts'
import { type ProviderSpec, specOfRow } from './spec.ts'

/** What a registry is made of. */
export interface ProvidersOptions {
  readonly workshop: Workshop
  /** What the configuration declares. */
  readonly configured: readonly ProviderSpec[]
  /** What the environment alone declares: each yields to a registered provider of its name. */
  readonly implied: readonly ProviderSpec[]
  readonly aliases: readonly AliasRule[]
  /** Milliseconds between two looks at the files that hold keys. */
  readonly fileCheckMs?: number
}

/** One provider as it was last made; used again as long as what it was made from stays the same. */
interface Made {
  readonly print: string
  readonly instance: Instance
}

/** A registry that calls may still hold. */
interface Generation {
  readonly instances: ReadonlySet<Instance>
  holds: number
}

/**
 * All providers there are: configured, implied by the environment, and registered in the store. Made again when the store changes,
 * or a file that holds a key. What did not change is kept, connections included; what is gone is closed when the last call that began
 * with it is over. A registered provider that cannot be made harms only itself: it is listed, and its calls fail with the reason.
 */
export class Providers implements LiveRegistry, Follower {
  readonly #options: ProvidersOptions
  readonly #generations = new Map<Registry, Generation>()
  readonly #models = new ModelReader()
  #made = new Map<string, Made>()
  #current: Registry = createRegistry([], [])
  #snapshot: Snapshot | undefined
  #told = new Set<string>()
  #stamps = new Map<string, string>()
  #building: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  private constructor(options: ProvidersOptions) {
    this.#options = options
  }

  /** Makes what is configured. Rejects with one line that names the provider at fault. */
  static async open(options: ProvidersOptions): Promise<Providers> {
    const providers = new Providers(options)
    await providers.#build(true)
    providers.#checkFilesLater()
    return providers
  }

  get current(): Registry {
    return this.#current
  }

  hold(): Registry {
    const generation = this.#generations.get(this.#current)
    if (generation !== undefined) generation.holds++
    return this.#current
  }

  release(registry: Registry): void {
    const generation = this.#generations.get(registry)
    if (generation === undefined) return
    generation.holds--
    this.#retire(registry, generation)
  }

  /** Takes in what the store says. */
  load(snapshot: Snapshot): Promise<void> {
    this.#snapshot = snapshot
    return this.#rebuild()
  }

  /** Whether the configuration has a provider of that name. */
  isConfigured(name: string): boolean {
    return this.#options.configured.some((spec) => spec.name === name)
  }

  /** The aliases that the configuration has. */
  get configuredAliases(): readonly AliasRule[] {
    return this.#options.aliases
  }

  /** Closes every provider. Calls that are still open lose theirs. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#building
    const all = new Set([...this.#generations.values()].flatMap(({ instances }) => [...instances]))
    this.#generations.clear()
    for (const instance of all) await this.#close(instance)
  }

  /** One after the other, each with what is known when its turn comes. Never rejects: what cannot be made anew stays as it is. */
  #rebuild(): Promise<void> {
    this.#building = this.#building.then(async () => {
      try {
        if (!this.#closed) await this.#build(false)
      } catch (error) {
        this.#options.workshop.log.error({ err: error }, 'the providers could not be made anew; those before are kept')
      }
    })
    return this.#building
  }

  async #build(strict: boolean): Promise<void> {
    const snapshot = this.#snapshot
    const specs = this.#specs(snapshot)
    const stamps = await this.#stampsOf(specs)
    const made = new Map<string, Made>()
    for (const spec of specs) {
      const print = printOf(spec, stamps)
      const before = this.#made.get(spec.id)
      made.set(spec.id, before?.print === print ? before : { print, instance: await this.#make(spec, strict) })
    }
    const synced = this.#models.models(snapshot?.models ?? [])
    const loaded = specs.flatMap((spec) => {
      const instance = made.get(spec.id)?.instance
      return instance === undefined ? [] : [loadedProvider(spec, instance, synced.get(spec.name) ?? [])]
    })
    this.#made = made
    this.#stamps = stamps
    this.#swap(
      createRegistry(loaded, this.#aliases(snapshot)),
      new Set([...made.values()].map(({ instance }) => instance)),
    )
    this.#tell()
  }

  /** Configured ones first, then registered ones from the oldest on, then those the environment implies. */
  #specs(snapshot: Snapshot | undefined): ProviderSpec[] {
    const { configured, implied } = this.#options
    const names = new Set(configured.map(({ name }) => name))
    const ids = new Set([...configured, ...implied].map(({ id }) => id))
    const stored = (snapshot?.providers ?? [])
      .filter(({ name, id }) => !names.has(name) && !ids.has(id))
      .toSorted((one, other) => one.created - other.created || (one.id < other.id ? -1 : 1))
      .flatMap((row) => specOfRow(row) ?? [])
    for (const { name } of stored) names.add(name)
    return [...configured, ...stored, ...implied.filter(({ name }) => !names.has(name))]
  }

  #aliases(snapshot: Snapshot | undefined): AliasRule[] {
    const { aliases } = this.#options
    const names = new Set(aliases.map(({ name }) => name))
    return [...aliases, ...(snapshot?.aliases ?? []).filter(({ name }) => !names.has(name))]
  }

  async #make(spec: ProviderSpec, strict: boolean): Promise<Instance> {
    const { workshop } = this.#options
    try {
      return await makeInstance(spec, workshop)
    } catch (error) {
      if (strict) throw fail('invalid_request', `provider "${spec.name}": ${messageOf(error)}`, { cause: error })
      return brokenInstance(spec, workshop, error)
    }
  }

  /** Calls that begin from now on are answered by the new registry. */
  #swap(registry: Registry, instances: ReadonlySet<Instance>): void {
    const before = this.#current
    this.#generations.set(registry, { instances, holds: 0 })
    this.#current = registry
    const generation = this.#generations.get(before)
    if (generation !== undefined) this.#retire(before, generation)
  }

  /** Lets go of a registry that is not the current one and that no call holds, and of the providers that were only in it. */
  #retire(registry: Registry, { instances, holds }: Generation): void {
    if (registry === this.#current || holds > 0) return
    this.#generations.delete(registry)
    const alive = [...this.#generations.values()]
    for (const instance of instances) {
      if (!alive.some((generation) => generation.instances.has(instance))) void this.#close(instance)
    }
  }

  async #close({ provider }: Instance): Promise<void> {
    try {
      await provider.close?.()
    } catch (error) {
      this.#options.workshop.log.warn({ err: error }, 'a provider did not close cleanly')
    }
  }

  /** Tells the operator what is wrong, once for as long as it stays so. */
  #tell(): void {
    const { log } = this.#options.workshop
    const faults = [...this.#made.values()].flatMap(({ instance }) =>
      instance.fault === undefined ? [] : [instance.fault],
    )
    const problems = this.#current.problems.map(({ message }) => message)
    for (const fault of faults)
      if (!this.#told.has(fault.message)) log.warn({ reason: fault.reason, err: fault.cause }, fault.message)
    for (const problem of problems) if (!this.#told.has(problem)) log.warn({}, `left out: ${problem}`)
    this.#told = new Set([...faults.map(({ message }) => message), ...problems])
  }

  async #stampsOf(specs: readonly ProviderSpec[]): Promise<Map<string, string>> {
    const { files } = this.#options.workshop
    const paths = specs.flatMap(({ secret }) => (secret.kind === 'file' ? [secret.path] : []))
    return new Map(await Promise.all(paths.map(async (path) => [path, await files.stamp(path)] as const)))
  }

  #checkFilesLater(): void {
    this.#timer = setTimeout(() => void this.#checkFiles(), this.#options.fileCheckMs ?? 2000)
    this.#timer.unref()
  }

  async #checkFiles(): Promise<void> {
    const { files } = this.#options.workshop
    for (const [path, stamp] of this.#stamps) {
      if ((await files.stamp(path)) === stamp) continue
      await this.#rebuild()
      break
    }
    if (!this.#closed) this.#checkFilesLater()
  }
}

/** Everything a provider is made from, so that it is made again only when some of it changed. */
function printOf(spec: ProviderSpec, stamps: ReadonlyMap<string, string>): string {
  const { created: _created, updated: _updated, models: _models, defaultModel: _model, ...rest } = spec
  return JSON.stringify([rest, spec.secret.kind === 'file' ? stamps.get(spec.secret.path) : ''])
}

function messageOf(error: unknown): string {
  if (error instanceof GatewayError || error instanceof Error) return error.message
  return String(error)
}
