import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { closeIntents, lock, type SpoolFile, spoolName } from './spool-file.ts'
import type { SettledText } from './spool-messages.ts'

const rowsAtOnce = 200

/** What came in from the spool of a process that is no more. */
export interface Adoption {
  readonly path: string
  readonly rows: number
  /** Why there may be more to come; empty when that was all. */
  readonly problem: string
}

/**
 * Takes in what lies in the other spools of a folder, of those whose process is no more: a few rows at each step, so that whoever
 * shares the thread can go on meanwhile. A row is in the new file before it leaves the old one, which stays behind empty, to be
 * used again: a crash in between may bring a row twice, never lose one. Yields a report for each file that had something.
 */
export function* adopt(file: SpoolFile, folder: string): Generator<Adoption | undefined, void, void> {
  for (const name of readdirSync(folder).filter((found) => spoolName.test(found))) {
    const path = join(folder, name)
    if (path === file.path) continue
    const db = tryLock(path)
    if (db === undefined) continue
    try {
      yield* empty(db, path, file)
    } finally {
      db.close()
    }
  }
}

function* empty(db: DatabaseSync, path: string, file: SpoolFile): Generator<Adoption | undefined, void, void> {
  let rows = 0
  try {
    db.exec(closeIntents)
    for (const table of ['settlements', 'aside'] as const) {
      const take = db.prepare(`SELECT place, text, content FROM ${table} ORDER BY place LIMIT ${rowsAtOnce}`)
      for (;;) {
        const found = take.all() as unknown as SettledText[]
        const last = found.at(-1)
        if (last === undefined) break
        file.adopt(found, [])
        db.prepare(`DELETE FROM ${table} WHERE place <= ?`).run(last.place)
        rows += found.length
        yield undefined
      }
    }
    rows += adoptLost(db, file, 'lost', 'key')
    rows += adoptLost(db, file, 'intents', 'number')
    if (rows > 0) yield { path, rows, problem: '' }
  } catch (error) {
    yield { path, rows, problem: error instanceof Error ? error.message : String(error) }
  }
}

/** Calls that were open when a process ended are never many. */
function adoptLost(db: DatabaseSync, file: SpoolFile, table: 'lost' | 'intents', key: string): number {
  const found = db.prepare(`SELECT text FROM ${table} ORDER BY ${key}`).all() as unknown as { text: string }[]
  if (found.length === 0) return 0
  file.adopt(
    [],
    found.map(({ text }) => text),
  )
  db.exec(`DELETE FROM ${table}`)
  return found.length
}

/** A file that cannot be read is left for the operator: whoever opens it as its own spool says so. */
function tryLock(path: string): DatabaseSync | undefined {
  try {
    return lock(path)
  } catch {
    return undefined
  }
}
