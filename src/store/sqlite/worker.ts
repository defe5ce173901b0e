import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { Answer, Opening, Question } from './protocol.ts'

/*
 * Runs SQLite off the event loop: a scan or a slow disk makes this thread wait, never the gateway. Answers questions one by one, in
 * the order they came.
 */

const { path, readOnly, busyMs } = workerData as Opening
const statementsKept = 200

/** Several processes that open a new file at once collide while it turns to write-ahead logging, which SQLite does not wait for. */
function open(): DatabaseSync {
  const giveUp = Date.now() + busyMs
  for (;;) {
    const database = new DatabaseSync(path, { readOnly, timeout: busyMs })
    try {
      if (!readOnly) database.exec('pragma journal_mode = wal')
      // What the request log was given is forgotten elsewhere: it has to survive the machine's own end.
      database.exec(
        'pragma synchronous = full; pragma foreign_keys = on; pragma temp_store = memory; pragma cache_size = -32000',
      )
      return database
    } catch (error) {
      database.close()
      if (!isBusy(error) || Date.now() > giveUp) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && Number(error.errcode) % 256 === 5
}

const database = open()
const statements = new Map<string, StatementSync>()

function prepare(sql: string): StatementSync {
  const known = statements.get(sql)
  if (known !== undefined) return known
  const statement = database.prepare(sql)
  statement.setReadBigInts(true)
  const [oldest] = statements.keys()
  if (statements.size >= statementsKept && oldest !== undefined) statements.delete(oldest)
  statements.set(sql, statement)
  return statement
}

function answer({ id, sql, runs }: Question): Answer {
  try {
    const statement = prepare(sql)
    if (statement.columns().length > 0) {
      return { id, rows: runs.flatMap((parameters) => statement.all(...parameters)), changes: undefined }
    }
    let changes = 0n
    for (const parameters of runs) changes += BigInt(statement.run(...parameters).changes)
    return { id, rows: [], changes }
  } catch (error) {
    const { message, errcode } = error as Error & { readonly errcode?: number }
    return { id, message, errcode }
  }
}

parentPort?.on('message', (question: Question | 'close') => {
  if (question === 'close') {
    database.close()
    parentPort?.close()
    return
  }
  parentPort?.postMessage(answer(question))
})
