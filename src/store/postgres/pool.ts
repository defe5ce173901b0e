import pg, { type CustomTypesConfig, type PoolClient } from 'pg'
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import { fail } from '../../error/index.ts'

/** How long the database may take, in milliseconds. */
export interface Patience {
  readonly connectMs: number
  /** For one statement, after which the server gives it up; the client does so a second later, should the server not answer at all. */
  readonly statementMs: number
  /** For a transaction that says nothing, as after its client was frozen. */
  readonly idleMs: number
}

/** For calls that somebody waits for: a database that does not answer is told within seconds. */
export const usualPatience: Patience = { connectMs: 3000, statementMs: 4000, idleMs: 5000 }

/** What to connect with. Whole numbers come back as `bigint`. Throws when the URL cannot be read, without repeating it. */
export function clientConfig(url: string, patience: Patience): pg.ClientConfig {
  const config: pg.ClientConfig = {
    connectionString: url,
    application_name: 'switchyard',
    keepAlive: true,
    connectionTimeoutMillis: patience.connectMs,
    statement_timeout: patience.statementMs,
    query_timeout: patience.statementMs + 1000,
    idle_in_transaction_session_timeout: patience.idleMs,
    types: { getTypeParser },
  }
  requireReadable(config)
  return config
}

/** The driver reads the URL when it makes a client. What it throws may repeat the URL, and is left out. */
function requireReadable(config: pg.ClientConfig): void {
  try {
    void new pg.Client(config)
  } catch {
    const form = 'postgres://user:password@host:5432/name'
    const message = `the database URL, or a file that it names, cannot be read: it must be like ${form}`
    throw fail('store_unavailable', message, { retryable: false })
  }
}

const getTypeParser: CustomTypesConfig['getTypeParser'] = (oid, format) =>
  oid === pg.types.builtins.INT8 ? BigInt : pg.types.getTypeParser(oid, format)

/**
 * A pool of connections for Kysely. One that did not answer in time is thrown away instead of used again: its answer may still come. An
 * error of an idle connection is nobody's, the next query gets another one.
 */
export class Pool implements PostgresPool {
  readonly options: object = {}
  readonly #pool: pg.Pool
  readonly #clients = new WeakMap<PoolClient, Client>()

  constructor(config: pg.ClientConfig, max: number) {
    this.#pool = new pg.Pool({ ...config, max, idleTimeoutMillis: 60_000 })
    this.#pool.on('error', () => {})
    // A connection that breaks between two statements of a transaction; the next statement fails by itself.
    this.#pool.on('connect', (client) => void client.on('error', () => {}))
  }

  async connect(): Promise<PostgresPoolClient> {
    const client = await this.#pool.connect()
    const known = this.#clients.get(client) ?? new Client(client)
    this.#clients.set(client, known)
    return known as unknown as PostgresPoolClient
  }

  async end(): Promise<void> {
    await this.#pool.end()
  }
}

class Client {
  readonly #client: PoolClient
  #broken: Error | undefined

  constructor(client: PoolClient) {
    this.#client = client
  }

  get processID(): unknown {
    return (this.#client as { readonly processID?: unknown }).processID
  }

  async query(text: string, values: readonly unknown[]): Promise<pg.QueryResult> {
    // Not even a rollback: whoever asks a frozen connection again waits again.
    if (this.#broken !== undefined) throw this.#broken
    try {
      return await this.#client.query(text, [...values])
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) this.#broken = error as Error
      throw error
    }
  }

  release(discard = false): void {
    this.#client.release(discard || this.#broken !== undefined)
  }
}
