import type { AccountStore, RegistryStore, Store } from './contract.ts'
import { type Snapshot, SnapshotFile } from './snapshot.ts'

/** Is told what the store says. */
export interface Follower {
  /** What the store says: at once, and after each change. `fresh` is false for what was read from disk because it did not answer. */
  load(snapshot: Snapshot, fresh: boolean): Promise<void> | void
  /** Nothing has changed up to that time: milliseconds since the epoch. */
  confirmed?(at: number): void
  /** The store does not answer any more. */
  unreachable?(): void
}

/** What is read of a store. */
export interface Mirrored extends Pick<Store, 'revision' | 'watch'> {
  readonly registry: Pick<RegistryStore, 'providers' | 'models' | 'aliases'>
  readonly accounts: Pick<AccountStore, 'allAccounts' | 'usableKeys' | 'everHadKeys'>
}

/** What a mirror is made of. */
export interface MirrorOptions {
  readonly store: Mirrored
  /** Where the snapshot is kept; nothing is written without. */
  readonly folder: string | undefined
  readonly log: MirrorLog
  /** Milliseconds between two looks at whether the store still answers. */
  readonly confirmMs?: number
  /** Milliseconds between two tries while it does not. */
  readonly retryMs?: number
}

/** Where a mirror tells the operator how the store is doing. */
export interface MirrorLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/**
 * What the store says of providers, models, aliases, accounts and keys, in memory, so that no call waits for the store. It is read
 * again whenever the store's revision changes, told to all followers, and kept on disk: the gateway starts from there when the store
 * cannot be reached, and takes over what the store says as soon as it answers.
 */
export class Mirror {
  readonly #store: Mirrored
  readonly #file: SnapshotFile | undefined
  readonly #log: MirrorLog
  readonly #confirmMs: number
  readonly #retryMs: number
  readonly #followers: Follower[] = []
  #current: Snapshot | undefined
  #revision: bigint | undefined
  #fresh = false
  #reading: Promise<void> | undefined
  #next: Promise<void> | undefined
  #telling: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #unwatch: (() => void) | undefined
  #closed = false
  #unwritable = false

  private constructor({ store, folder, log, confirmMs = 10_000, retryMs = 1000 }: MirrorOptions) {
    this.#store = store
    this.#file = folder === undefined ? undefined : new SnapshotFile(folder)
    this.#log = log
    this.#confirmMs = confirmMs
    this.#retryMs = retryMs
  }

  /**
   * Reads the store, or the disk when it does not answer. Resolves also when neither has anything: then nothing is known until the
   * store answers.
   */
  static async open(options: MirrorOptions): Promise<Mirror> {
    const mirror = new Mirror(options)
    try {
      await mirror.refresh()
    } catch {
      await mirror.#fromDisk()
    }
    mirror.#unwatch = options.store.watch(
      () => void mirror.refresh().catch(() => undefined),
      (error) => mirror.#lost(error),
    )
    mirror.#checkLater()
    return mirror
  }

  /** What is known; undefined when the store was never reached and nothing was on disk. */
  get current(): Snapshot | undefined {
    return this.#current
  }

  /** Whether the store answers. */
  get fresh(): boolean {
    return this.#fresh
  }

  /** Tells a follower what is known, if anything is, and from then on every change, one after the other. */
  async follow(follower: Follower): Promise<void> {
    this.#followers.push(follower)
    if (this.#current !== undefined) await this.#tell(this.#current, [follower])
  }

  /** Reads the store again. Resolves when every follower has what was in the store when this was called. */
  refresh(): Promise<void> {
    if (this.#reading === undefined && this.#next === undefined) return this.#start()
    // What is being read may have been read before the change that is asked for.
    return (this.#next ??= Promise.resolve(this.#reading)
      .catch(() => undefined)
      .then(() => this.#start()))
  }

  /** Ends watching. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#unwatch?.()
    await this.#next?.catch(() => undefined)
    await this.#reading?.catch(() => undefined)
  }

  #start(): Promise<void> {
    this.#next = undefined
    const reading = this.#read().finally(() => {
      if (this.#reading === reading) this.#reading = undefined
    })
    this.#reading = reading
    return reading
  }

  async #read(): Promise<void> {
    try {
      const { registry, accounts } = this.#store
      const revision = await this.#store.revision()
      const at = Date.now()
      if (this.#fresh && revision === this.#revision) return await this.#confirm(at)
      const [providers, models, aliases, allAccounts, keys, everHadKeys] = await Promise.all([
        registry.providers(),
        registry.models(),
        registry.aliases(),
        accounts.allAccounts(),
        accounts.usableKeys(at),
        accounts.everHadKeys(),
      ])
      const snapshot = { providers, models, aliases, accounts: allAccounts, keys, everHadKeys, at }
      this.#found(snapshot, revision)
      await this.#tell(snapshot, this.#followers)
      await this.#keep((file) => file.write(snapshot))
    } catch (error) {
      this.#lost(error)
      throw error
    }
  }

  /** Tells it to one follower after the other, and only when those before have been told what came before. */
  #tell(snapshot: Snapshot, followers: readonly Follower[]): Promise<void> {
    const fresh = this.#fresh
    this.#telling = this.#telling.then(async () => {
      for (const follower of followers) {
        try {
          await follower.load(snapshot, fresh)
        } catch (error) {
          this.#log.error({ err: error }, 'a change in the store could not be taken in')
        }
      }
    })
    return this.#telling
  }

  async #confirm(at: number): Promise<void> {
    if (this.#current !== undefined) this.#current = { ...this.#current, at }
    for (const follower of this.#followers) follower.confirmed?.(at)
    await this.#keep((file) => file.confirm(at))
  }

  /** Looks from time to time whether the store still answers: one that nobody changes has nothing to say. */
  #checkLater(): void {
    clearTimeout(this.#timer)
    if (this.#closed) return
    this.#timer = setTimeout(() => void this.#check(), this.#fresh ? this.#confirmMs : this.#retryMs)
    this.#timer.unref()
  }

  async #check(): Promise<void> {
    await this.refresh().catch(() => undefined)
    this.#checkLater()
  }

  #found(snapshot: Snapshot, revision: bigint): void {
    if (!this.#fresh && this.#current !== undefined) this.#log.info({}, 'the store answers again')
    this.#fresh = true
    this.#revision = revision
    this.#current = snapshot
  }

  #lost(error: unknown): void {
    if (!this.#fresh) return
    this.#fresh = false
    this.#log.warn({ err: error }, 'the store does not answer; what it last said is kept')
    for (const follower of this.#followers) follower.unreachable?.()
    this.#checkLater()
  }

  async #fromDisk(): Promise<void> {
    try {
      this.#current = await this.#file?.read()
    } catch (error) {
      this.#log.warn({ err: error, file: this.#file?.path }, 'the snapshot cannot be read')
    }
    if (this.#current === undefined)
      this.#log.warn({}, 'the store does not answer, and there is no snapshot: only what is configured is served')
    else {
      const taken = new Date(this.#current.at).toISOString()
      this.#log.warn({ taken }, 'the store does not answer; starting from the last snapshot')
    }
  }

  /** A disk that cannot be written is no reason to stop; it is said once. */
  async #keep(write: (file: SnapshotFile) => Promise<void>): Promise<void> {
    if (this.#file === undefined) return
    try {
      await write(this.#file)
      this.#unwritable = false
    } catch (error) {
      if (!this.#unwritable) this.#log.warn({ err: error, file: this.#file.path }, 'the snapshot cannot be written')
      this.#unwritable = true
    }
  }
}
