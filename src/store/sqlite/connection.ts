import type { SQLInputValue } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import type { Answer, Opening, Question } from './protocol.ts'

/** What SQLite refused, with its extended result code; undefined when the fault is not SQLite's. */
export class SqliteError extends Error {
  override readonly name = 'SqliteError'
  readonly errcode: number | undefined

  constructor(message: string, errcode: number | undefined) {
    super(message)
    this.errcode = errcode
  }
}

type Waiting = Pick<PromiseWithResolvers<QueryResult<unknown>>, 'resolve' | 'reject'>

/** A connection to a SQLite file, in a thread of its own. Integers come back as `bigint`. */
export class WorkerConnection implements DatabaseConnection {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  readonly #ended: Promise<void>
  #asked = 0
  #closing = false
  #over: Error | undefined

  constructor(opening: Opening) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: opening })
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => this.#receive(answer))
    this.#worker.on('error', (error: Error & { readonly errcode?: number }) => {
      this.#fail(new SqliteError(error.message, error.errcode))
    })
    this.#ended = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#fail(new SqliteError('the database is closed', undefined))
        resolve()
      })
    })
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    if (this.#over !== undefined) throw this.#over
    const { promise, resolve, reject } = Promise.withResolvers<QueryResult<unknown>>()
    this.#asked += 1
    this.#waiting.set(this.#asked, { resolve, reject })
    this.#worker.ref()
    const question: Question = { id: this.#asked, sql, runs: runsOf(parameters) }
    this.#worker.postMessage(question)
    return (await promise) as QueryResult<Row>
  }

  async *streamQuery<Row>(query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    yield await this.executeQuery<Row>(query)
  }

  /** Ends the thread after what was asked before. */
  async close(): Promise<void> {
    // The answer to what was asked before must not let the process end while the thread still writes.
    this.#closing = true
    this.#worker.ref()
    this.#worker.postMessage('close')
    await this.#ended
  }

  #receive(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (this.#waiting.size === 0 && !this.#closing) this.#worker.unref()
    if ('message' in answer) waiting?.reject(new SqliteError(answer.message, answer.errcode))
    else {
      const { rows, changes } = answer
      waiting?.resolve({ rows: [...rows], ...(changes !== undefined && { numAffectedRows: changes }) })
    }
  }

  #fail(error: Error): void {
    this.#over ??= error
    for (const waiting of this.#waiting.values()) waiting.reject(this.#over)
    this.#waiting.clear()
  }
}

/**
 * As the only parameter of a query: run it with each of these lists of parameters, in one go. Each goes into a column or is compared
 * with one, whose type makes it whole where that is whole.
 */
export class Runs {
  readonly lists: readonly (readonly SQLInputValue[])[]

  constructor(lists: readonly (readonly SQLInputValue[])[]) {
    this.lists = lists
  }
}

function runsOf(parameters: readonly unknown[]): Question['runs'] {
  const [first] = parameters
  return first instanceof Runs ? first.lists : [parameters.map(bindable)]
}

/** Whole numbers are bound as integers: bound as they are, SQLite takes every number for a real one. */
function bindable(value: unknown): SQLInputValue {
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : ((value ?? null) as SQLInputValue)
}
