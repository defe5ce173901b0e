import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type TransactionSettings,
} from 'kysely'
import { SqliteError, WorkerConnection } from './connection.ts'
import type { Opening } from './protocol.ts'

/** SQLite in a worker thread for Kysely: one connection, whose transactions and statements take turns. */
export class WorkerDialect implements Dialect {
  readonly #opening: Opening

  constructor(opening: Opening) {
    this.#opening = opening
  }

  createAdapter(): SqliteAdapter {
    return new SqliteAdapter()
  }

  createQueryCompiler(): SqliteQueryCompiler {
    return new SqliteQueryCompiler()
  }

  createIntrospector(db: Kysely<unknown>): SqliteIntrospector {
    return new SqliteIntrospector(db)
  }

  createDriver(): Driver {
    return new WorkerDriver(this.#opening)
  }
}

class WorkerDriver implements Driver {
  readonly #opening: Opening
  readonly #begin: string
  #connection: WorkerConnection | undefined
  /** Resolves when the connection is free. */
  #free: Promise<void> = Promise.resolve()
  #release: () => void = () => {}

  constructor(opening: Opening) {
    this.#opening = opening
    // A transaction that writes takes its lock at once: one that begins by reading would fail when another wrote in between.
    this.#begin = opening.readOnly ? 'begin' : 'begin immediate'
  }

  async init(): Promise<void> {
    this.#connection = new WorkerConnection(this.#opening)
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const turn = this.#free
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#free = promise
    await turn
    this.#release = resolve
    if (this.#connection === undefined) throw new Error('the driver was not started')
    return this.#connection
  }

  async releaseConnection(): Promise<void> {
    this.#release()
  }

  async beginTransaction(connection: DatabaseConnection, _settings: TransactionSettings): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(this.#begin))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await connection.executeQuery(CompiledQuery.raw('rollback'))
    } catch (error) {
      // A full disk and the like end the transaction by themselves; what happened is in the error that led here.
      if (!(error instanceof SqliteError) || !error.message.includes('no transaction is active')) throw error
    }
  }

  async destroy(): Promise<void> {
    await this.#connection?.close()
  }
}
