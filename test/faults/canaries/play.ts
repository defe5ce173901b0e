import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Postgres } from '../../services/postgres.ts'
import { asks } from './asks.ts'
import { inTurn, makeCalls, shownTo } from './calls.ts'
import { canaryOf } from './canary.ts'
import { Client } from './client.ts'
import { runCommands } from './commands.ts'
import type { GuardedDatabase } from './database.ts'
import { knockAtTheEdge } from './edge.ts'
import { Evidence, type Leak } from './evidence.ts'
import { beginBatch, fileAway } from './filing.ts'
import { operations } from './operations.ts'
import { openOperations, operationSteps, watchFilms } from './operation-calls.ts'
import { Operator, secretOf } from './operator.ts'
import { Switchyard } from './process.ts'
import type { Stage } from './stage.ts'

/** How it went. */
export interface CanariesResult {
  readonly calls: number
  readonly leaks: readonly Leak[]
  /** How many things were searched, by kind. */
  readonly searched: Readonly<Record<string, number>>
  readonly bytes: number
  /** Where each canary was seen that belongs there: how often at providers, by callers and operators, and in the store. */
  readonly seen: ReadonlyMap<string, number>
}

/** What the account that wants its content kept asks, and is answered. */
const kept = 'kept prompt'

/** What the store has: what its accounts want kept, lines and names of files, and answers to who may ask again. */
const inStore = [kept, 'filed', 'filed answer', 'idempotency key']

/** What a file of the gateway may hold. */
function keptIn(name: string): readonly string[] {
  if (/(?:^|\/)files\//.test(name)) return ['filed', 'filed answer']
  if (/\bspool[^/]*\.db(?:-wal|-shm)?$/.test(name)) return [kept]
  if (/\.db(?:-wal|-shm)?$/.test(name)) return inStore
  return name.startsWith('backup') ? [kept, 'filed', 'filed answer'] : []
}

/** What a play is made of. */
export interface Parts {
  readonly stage: Stage
  readonly database: GuardedDatabase | undefined
  /** Where that database is. */
  readonly postgres: Postgres | undefined
  readonly thorough: boolean
}

/** A gateway's life, act by act: all that leaves it is evidence. */
export class Play {
  readonly #stage: Stage
  readonly #database: GuardedDatabase | undefined
  readonly #postgres: Postgres | undefined
  readonly #thorough: boolean
  readonly #dataDir: string
  readonly #env: Readonly<Record<string, string>>
  #gateway: Switchyard | undefined
  #url = ''
  #admin = ''
  #caller = ''
  #keeper = ''
  #filer = ''
  #calls = 0

  constructor({ stage, database, postgres, thorough }: Parts) {
    this.#stage = stage
    this.#database = database
    this.#postgres = postgres
    this.#thorough = thorough
    this.#dataDir = join(stage.folder, 'data')
    this.#env = { ...stage.env, ...(database !== undefined && { SWITCHYARD_DATABASE_URL: database.url }) }
  }

  get #operator(): Operator {
    return new Operator(this.#stage, this.#url, this.#admin)
  }

  get #place() {
    return ['--config', this.#stage.config, '--data-dir', this.#dataDir]
  }

  async #serve(): Promise<void> {
    const options = { ...this.#stage, env: this.#env }
    this.#gateway = new Switchyard(['serve', ...this.#place], options)
    this.#url = await this.#gateway.url()
  }

  async begin(): Promise<void> {
    const { evidence } = this.#stage
    const made = await new Switchyard(['keys', 'create', '--admin', ...this.#place], { ...this.#stage, env: this.#env })
      .ended
    this.#admin = made.stdout.trim()
    evidence.plant(canaryOf('admin key', secretOf(this.#admin)))
    await this.#serve()
    this.#caller = await this.#operator.makeKey('caller key', false, ['models:use', 'usage:read', 'requests:read'])
    this.#keeper = await this.#operator.makeKey('key of who wants content kept', true, ['models:use', 'requests:read'])
    this.#filer = await this.#operator.makeKey('key of who files', false, ['models:use', 'batches:write'])
    await this.#operator.keepKeys()
    await this.#operator.keepProviders()
  }

  async call(): Promise<void> {
    const { evidence, canaries } = this.#stage
    const client = new Client(evidence, this.#url)
    const headers = { authorization: `Bearer ${this.#keeper}` }
    for (const ask of asks)
      for (const streaming of [false, true]) {
        const body = ask.body('simulator/echo', streaming, canaries.keptPrompt.text)
        await client.ask(ask.path('simulator/echo', streaming), { body, headers, shows: [kept] })
      }
    for (const ask of operations) {
      const said = { prompt: canaries.keptPrompt.text, fileName: canaries.keptPrompt.text }
      const sent = ask.send('simulator/echo', said)
      const question = { ...sent, headers: { ...sent.headers, ...headers }, shows: [kept] }
      await client.ask(ask.path('simulator/echo'), question)
    }
    const stop = new AbortController()
    const following = this.#operator.follow(stop.signal)
    const tail = new Switchyard(['tail', '--json'], { ...this.#stage, env: this.#asking })
    this.#calls = await makeCalls(this.#calling)
    stop.abort()
    await tail.end('SIGINT')
    await following
  }

  /** Everything beside chats. */
  async operate(): Promise<void> {
    const steps = operationSteps(this.#calling)
    await inTurn(steps, 24)
    this.#calls += steps.length
    await watchFilms(this.#calling)
  }

  async file(): Promise<void> {
    await fileAway(this.#filing)
  }

  get #calling() {
    return { stage: this.#stage, url: this.#url, keys: this.#keys, thorough: this.#thorough }
  }

  get #filing() {
    return { stage: this.#stage, url: this.#url, key: this.#filer, other: this.#caller }
  }

  get #keys(): readonly string[] {
    return [this.#caller, this.#stage.canaries.configuredKey.text]
  }

  get #asking(): Readonly<Record<string, string>> {
    return { SWITCHYARD_URL: this.#url, SWITCHYARD_API_KEY: this.#admin }
  }

  async knock(): Promise<void> {
    await knockAtTheEdge(this.#stage, this.#url, this.#caller, this.#thorough)
  }

  async read(): Promise<void> {
    await this.#operator.readAll([kept])
    await new Operator(this.#stage, this.#url, this.#caller).readAll()
    this.#takeFiles()
  }

  async command(): Promise<void> {
    const databaseUrl = this.#database?.url
    const place = { url: this.#url, key: this.#admin, dataDir: this.#dataDir, databaseUrl }
    await runCommands(this.#stage, place, this.#thorough)
  }

  /** Some calls, by callers who are known and by one who is not. */
  async #someCalls(models: readonly string[]): Promise<void> {
    const client = new Client(this.#stage.evidence, this.#url)
    const { prompt, wrongKey } = this.#stage.canaries
    const steps = asks.flatMap((ask) =>
      models.flatMap((model) =>
        [...this.#keys, wrongKey.text].map((key) => () => {
          const headers = { authorization: `Bearer ${key}` }
          return client.ask(ask.path(model, true), {
            body: ask.body(model, true, prompt.text),
            headers,
            shows: shownTo(ask, model),
          })
        }),
      ),
    )
    await inTurn(steps, 8)
  }

  /** The database is cut off; and to be thorough, it is frozen and restarted as well, and the spool runs full meanwhile. */
  async loseStore(): Promise<void> {
    if (this.#database === undefined) return
    const { gate } = this.#database
    await this.#without(
      () => gate.cut(),
      () => gate.admit(),
    )
    if (this.#thorough) {
      await this.#without(
        () => gate.freeze(),
        () => gate.admit(),
      )
      await this.#without(
        () => this.#postgres?.halt?.(),
        () => this.#postgres?.resume?.(),
      )
      gate.cut()
      await this.#fillSpool()
      gate.admit()
      await this.#operator.untilTheStoreAnswers(10_000)
    }
    await this.#shutOut(this.#database.wrongUrl(this.#stage.canaries.wrongPassword))
  }

  async #without(begin: () => Promise<void> | void, end: () => Promise<void> | void): Promise<void> {
    await begin()
    await this.#someCalls(['openai/well', 'openai/garbage'])
    await this.#operator.keepKeys()
    await this.#operator.keepProviders()
    await this.#operator.readAll()
    await end()
    await this.#operator.untilTheStoreAnswers(10_000)
  }

  /** Makes calls until there is no room for any more, and some then. */
  async #fillSpool(): Promise<void> {
    const client = new Client(this.#stage.evidence, this.#url)
    const headers = { authorization: `Bearer ${this.#caller}` }
    const body = asks[0]?.body('openai/404', false, this.#stage.canaries.prompt.text) ?? {}
    const ask = () => client.ask('/v1/chat/completions', { body, headers, shows: ['prompt', 'answer'] })
    let refused = 0
    const fill = async (): Promise<void> => void (refused += (await ask()).status === 503 ? 1 : 0)
    for (let turn = 0; turn < 100; turn++) {
      await inTurn(Array<typeof fill>(100).fill(fill), 16)
      if (refused > 0) break
    }
    if (refused === 0) throw new Error('the spool did not run full')
    await this.#someCalls(['openai/well'])
  }

  /** The database does not let a gateway in. */
  async #shutOut(url: string): Promise<void> {
    const { evidence } = this.#stage
    const dataDir = ['--data-dir', join(this.#stage.folder, 'elsewhere')]
    const shutOut = new Switchyard(['serve', '--config', this.#stage.config, ...dataDir], {
      ...this.#stage,
      env: { ...this.#env, SWITCHYARD_DATABASE_URL: url },
    })
    await new Client(evidence, await shutOut.url()).rpc('KeyService/ListKeys', {}, this.#admin)
    await shutOut.end('SIGTERM')
  }

  /** An error that nobody caught ends the gateway, and it starts again. */
  async crash(): Promise<void> {
    const client = new Client(this.#stage.evidence, this.#url)
    const headers = { authorization: `Bearer ${this.#caller}` }
    const body = asks[0]?.body('wild/ends', true, this.#stage.canaries.prompt.text) ?? {}
    // A spool that ran full when the store was lost refuses calls until its rows have left it.
    for (let turn = 0; turn < 120; turn++) {
      const { status } = await client.ask('/v1/chat/completions', { body, headers })
      if (status !== 503) break
      await setTimeout(500)
    }
    this.#stage.collector.fail()
    const late = setTimeout(30_000, undefined, { ref: false })
    const ended = await Promise.race([this.#gateway?.ended, late])
    if (ended?.code !== 1) throw new Error(`it did not crash, but ended with ${ended?.code}`)
    await this.#serve()
  }

  /** The gateway ends without a warning while calls are open, and starts again, where there is a database while that is away. */
  async kill(): Promise<void> {
    const open = this.#openCalls()
    await setTimeout(150)
    await this.#gateway?.end('SIGKILL')
    await open
    this.#takeFiles()
    this.#database?.gate.cut()
    await this.#serve()
    await this.#someCalls(['openai/well'])
    this.#database?.gate.admit()
    await this.#operator.untilTheStoreAnswers(10_000)
    await this.#operator.readAll([kept])
  }

  /** Calls that are in the midst of their answer, or wait for it. */
  async #openCalls(): Promise<void> {
    const client = new Client(this.#stage.evidence, this.#url)
    const { prompt } = this.#stage.canaries
    const headers = { authorization: `Bearer ${this.#caller}` }
    const models = ['openai/hang', 'openai/silent', 'anthropic/drip']
    const chats = asks.flatMap((ask) =>
      models.map((model) =>
        client.ask(ask.path(model, true), {
          body: ask.body(model, true, prompt.text),
          headers,
          shows: shownTo(ask, model),
        }),
      ),
    )
    await Promise.all([...chats, ...openOperations(this.#calling).map((step) => step()), beginBatch(this.#filing)])
  }

  async stop(): Promise<void> {
    const open = this.#openCalls()
    await setTimeout(150)
    const ended = await this.#gateway?.end('SIGTERM')
    await open
    if (ended?.code !== 0) throw new Error(`it did not stop well, but ended with ${ended?.code}`)
  }

  /** Everything on the disk, and in the database. */
  async search(): Promise<void> {
    this.#takeFiles()
    await this.#database?.takeRows(this.#stage.evidence, inStore)
  }

  /** The files of the gateway. Only the store and the way to it may hold what an account wants kept. */
  #takeFiles(): void {
    const { evidence } = this.#stage
    for (const name of readdirSync(this.#stage.folder, { recursive: true, encoding: 'utf8' })) {
      const path = join(this.#stage.folder, name)
      // What the test wrote itself, with secrets in it.
      if (
        !statSync(path).isFile() ||
        /^(?:config|broken-\d+)\.yaml$|^secrets\/|^account\.json$|^damaged\.gz$/.test(name)
      )
        continue
      evidence.take(`files: ${name}`, readFileSync(path), keptIn(name))
      evidence.take('files: a name', name)
    }
  }

  result(): CanariesResult {
    const { canaries, evidence, upstream, far, collector } = this.#stage
    const all = Object.values(canaries)
    const names = all.map(({ name }) => name)
    const outside = new Evidence(all)
    for (const text of [upstream.received(), far.received(), collector.exports().join('\n')])
      outside.take('providers', text, names)
    return {
      calls: this.#calls,
      leaks: evidence.leaks,
      searched: Object.fromEntries(evidence.counts),
      bytes: evidence.bytes,
      seen: new Map(names.map((name) => [name, evidence.shown(name) + outside.shown(name)])),
    }
  }
}
