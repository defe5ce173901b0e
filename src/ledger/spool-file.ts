import { chmodSync, existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Changes, LostText, Releases, SettledText, SpoolState } from './spool-messages.ts'

const pageBytes = 4096

/** Most bytes that are kept free, whatever happens. */
const mostHeadroom = 64 * 1024 * 1024

/** Bytes that are kept free for each call that has begun, for its settlement. */
const settlementBytes = 1024

/** Names of spools: `spool.db`, `spool-2.db` and so on, one for each process that uses the folder at the same time. */
export const spoolName = /^spool(?:-\d+)?\.db$/

const mostSpools = 256

/** Characters of content after which no further settlement is taken at once: all that is taken is in memory, several times over. */
const contentAtOnce = 4 * 1024 * 1024

/** Bytes written to the log of a database before it is folded into the database. */
const checkpointBytes = 4 * 1024 * 1024

const schema = `
CREATE TABLE IF NOT EXISTS intents (number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS settlements
  (place INTEGER PRIMARY KEY, number INTEGER NOT NULL, text TEXT NOT NULL, content TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS lost (key INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS aside (place INTEGER PRIMARY KEY, text TEXT NOT NULL, content TEXT NOT NULL) STRICT;
PRAGMA user_version = 1;
`

/**
 * The file of a spool: intents of calls that are open, and settlements until they are moved on. A settlement is written at the end of
 * its table and nothing else is touched, so that as few pages as possible change; its intent goes when it does. It is locked for as long as it
 * is open, and the lock goes with the process, however that ends. What `commit` has written survives the machine's own end.
 * Works at once and blocks meanwhile: made for a thread of its own.
 */
export class SpoolFile {
  readonly path: string
  readonly #db: DatabaseSync
  readonly #statements: ReturnType<typeof prepare>
  readonly #softLimit: number
  #bytes = 0
  #open: number
  #waiting: number
  #lost: number
  #aside: number
  #last: number
  #unfolded = 0

  private constructor(path: string, db: DatabaseSync, maxBytes: number, resumedAfter: number | undefined) {
    this.path = path
    this.#db = db
    db.exec(`PRAGMA max_page_count = ${Math.max(64, Math.floor(maxBytes / pageBytes))}`)
    this.#softLimit = maxBytes - Math.min(mostHeadroom, Math.floor(maxBytes / 4))
    if (resumedAfter === undefined) inherit(db)
    this.#statements = prepare(db)
    this.#open = numberOf(db, 'SELECT count(*) AS n FROM intents WHERE number NOT IN (SELECT number FROM settlements)')
    this.#waiting = numberOf(db, 'SELECT count(*) AS n FROM settlements')
    this.#lost = numberOf(db, 'SELECT count(*) AS n FROM lost')
    this.#aside = numberOf(db, 'SELECT count(*) AS n FROM aside')
    this.#last = Math.max(resumedAfter ?? 0, numberOf(db, 'SELECT coalesce(max(place), 0) AS n FROM settlements'))
    this.#measure()
  }

  /**
   * Opens the first spool of a folder that no other process has open, and makes one where there is none. Intents that are in it
   * are lost ones from now on, unless the file is opened again by the process that wrote them: its next settlement comes
   * after the place it knows. A file that is no database any
   * more is put aside; `damaged` says where, and is empty otherwise. Throws when the folder cannot be written.
   */
  static open(folder: string, maxBytes: number, resumedAfter?: number): { file: SpoolFile; damaged: string } {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    let damaged = ''
    for (let number = 1; number <= mostSpools; number++) {
      const path = join(folder, number === 1 ? 'spool.db' : `spool-${number}.db`)
      try {
        const db = lock(path) ?? undefined
        if (db !== undefined) return { file: new SpoolFile(path, db, maxBytes, resumedAfter), damaged }
      } catch (error) {
        if (!isDamaged(error) || damaged !== '') throw error
        damaged = putAside(path)
        number--
      }
    }
    throw new Error(`${mostSpools} processes use the folder ${folder}`)
  }

  /** What lies in it now. */
  get state(): SpoolState {
    return {
      bytes: this.#bytes,
      open: this.#open,
      waiting: this.#waiting,
      lost: this.#lost,
      aside: this.#aside,
      last: this.#last,
    }
  }

  /** Intents are numbered from the one after this. */
  get lastNumber(): number {
    return numberOf(this.#db, 'SELECT coalesce(max(number), 0) AS n FROM settlements')
  }

  /** True when no further call may begin: the rest of the room is for those that have. */
  isFull(messages: readonly Changes[]): boolean {
    let coming = this.#open * settlementBytes
    for (const { begun } of messages) for (const text of begun.texts) coming += text.length + settlementBytes
    return this.#bytes + coming > this.#softLimit
  }

  /** Writes all of it, durably, or throws and has written nothing. Intents are left out where they are not to be `begun`. */
  commit(messages: readonly Changes[], begun: boolean): void {
    const { state } = this
    this.#transaction(() => {
      // What has been moved was settled before, and makes room for the rest.
      for (const message of messages) this.#remove(message)
      for (const message of messages) this.#write(message, begun)
      for (const message of messages) this.#forget(message)
    }, state)
    this.#measure()
  }

  /** Takes away what may go, durably, or throws and has taken away nothing. */
  release(messages: readonly Releases[]): void {
    const { state } = this
    this.#transaction(() => {
      for (const message of messages) this.#remove(message)
      for (const message of messages) this.#forget(message)
    }, state)
    this.#measure()
  }

  /** The oldest settlements after a place; fewer than there are, but one, where their content is long. */
  take(after: number, limit: number): SettledText[] {
    const rows: SettledText[] = []
    let content = 0
    for (const row of this.#statements.take.iterate(after, limit) as Iterable<unknown>) {
      const settled = row as SettledText
      rows.push(settled)
      content += settled.content.length
      if (content >= contentAtOnce) break
    }
    return rows
  }

  /** Intents that an earlier process left behind. */
  takeLost(limit: number): LostText[] {
    return this.#statements.takeLost.all(limit) as unknown as LostText[]
  }

  /** Takes in what lay in the file of another process, a batch of it. */
  adopt(settlements: readonly Omit<SettledText, 'place'>[], lost: readonly string[]): void {
    const { state } = this
    this.#transaction(() => {
      for (const { text, content } of settlements) this.#settle(0, text, content)
      for (const text of lost) {
        this.#statements.lose.run(text)
        this.#lost++
      }
    }, state)
    this.#measure()
  }

  /** Folds what was written into the database once it is much; to be called when nobody waits. */
  fold(): void {
    if (this.#unfolded < checkpointBytes) return
    this.#unfolded = 0
    this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)')
  }

  /** Folds all that was written into the database, and gives the room of the log back to the disk. Says whether it could. */
  shrink(): boolean {
    try {
      return this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'] === 0
    } catch {
      return false
    }
  }

  /** Lets go of the file and its lock. */
  close(): void {
    this.#db.close()
  }

  #write({ begun, settled }: Changes, intents: boolean): void {
    const { begin, deleteLost } = this.#statements
    if (intents) {
      for (const [index, text] of begun.texts.entries()) {
        begin.run(begun.numbers[index] ?? 0, text)
        this.#open++
        this.#unfolded += text.length
      }
    }
    for (const [index, text] of settled.texts.entries()) {
      const number = settled.numbers[index] ?? 0
      if (number > 0) this.#open--
      if (number < 0) this.#lost -= Number(deleteLost.run(-number).changes)
      this.#settle(Math.max(0, number), text, settled.contents[index] ?? '')
    }
  }

  #forget({ forgotten }: Releases): void {
    for (const number of forgotten) this.#open -= Number(this.#statements.end.run(number).changes)
  }

  #remove({ aside, moved }: Releases): void {
    const { putAside: keep, remove, numbersOf, end } = this.#statements
    for (const place of aside) this.#aside += Number(keep.run(place).changes)
    if (moved === 0) return
    for (const { number } of numbersOf.all(moved)) if (number !== 0) end.run(Number(number))
    this.#waiting -= Number(remove.run(moved).changes)
  }

  #settle(number: number, text: string, content: string): void {
    this.#statements.settle.run(this.#last + 1, number, text, content)
    this.#last++
    this.#waiting++
    this.#unfolded += text.length + content.length
  }

  #transaction(write: () => void, before: SpoolState): void {
    const { beginTransaction, commit } = this.#statements
    try {
      beginTransaction.run()
      write()
      commit.run()
      this.#unfolded += 4 * pageBytes
    } catch (error) {
      this.#undo(before)
      throw error
    }
  }

  #undo({ open, waiting, lost, aside, last }: SpoolState): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    this.#open = open
    this.#waiting = waiting
    this.#lost = lost
    this.#aside = aside
    this.#last = last
  }

  #measure(): void {
    const { pages, freePages } = this.#statements
    const used = Number(pages.get()?.['page_count']) - Number(freePages.get()?.['freelist_count'])
    this.#bytes = used * pageBytes
  }
}

/** Opens a database for this process alone. Undefined when another has it. */
export function lock(path: string): DatabaseSync | undefined {
  const isNew = !existsSync(path)
  const db = new DatabaseSync(path, { timeout: 0 })
  try {
    // Exclusive before the first access: then there is no shared memory beside the file, and the lock is the process's own.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    db.exec(`PRAGMA wal_autocheckpoint = ${(4 * checkpointBytes) / pageBytes}; PRAGMA cache_size = -16384`)
    db.exec(`BEGIN EXCLUSIVE; ${schema} COMMIT`)
    if (isNew) for (const suffix of ['', '-wal']) chmodSync(path + suffix, 0o600)
    return db
  } catch (error) {
    db.close()
    if (isBusy(error)) return undefined
    throw error
  }
}

/** What the process before left open is lost; what it could not move is tried once more. */
function inherit(db: DatabaseSync): void {
  db.exec(`BEGIN;
${closeIntents};
INSERT INTO lost (text) SELECT text FROM intents ORDER BY number;
DELETE FROM intents;
INSERT INTO settlements (number, text, content) SELECT 0, text, content FROM aside ORDER BY place;
DELETE FROM aside;
COMMIT`)
}

/** Takes away the intents that have a settlement. */
export const closeIntents = 'DELETE FROM intents WHERE number IN (SELECT number FROM settlements)'

function prepare(db: DatabaseSync) {
  return {
    beginTransaction: db.prepare('BEGIN'),
    commit: db.prepare('COMMIT'),
    begin: db.prepare('INSERT INTO intents (number, text) VALUES (?, ?)'),
    end: db.prepare('DELETE FROM intents WHERE number = ?'),
    settle: db.prepare('INSERT INTO settlements (place, number, text, content) VALUES (?, ?, ?, ?)'),
    numbersOf: db.prepare('SELECT number FROM settlements WHERE place <= ?'),
    take: db.prepare('SELECT place, text, content FROM settlements WHERE place > ? ORDER BY place LIMIT ?'),
    remove: db.prepare('DELETE FROM settlements WHERE place <= ?'),
    putAside: db.prepare('INSERT INTO aside (text, content) SELECT text, content FROM settlements WHERE place = ?'),
    lose: db.prepare('INSERT INTO lost (text) VALUES (?)'),
    takeLost: db.prepare('SELECT key, text FROM lost ORDER BY key LIMIT ?'),
    deleteLost: db.prepare('DELETE FROM lost WHERE key = ?'),
    pages: db.prepare('PRAGMA page_count'),
    freePages: db.prepare('PRAGMA freelist_count'),
  } satisfies Record<string, StatementSync>
}

function numberOf(db: DatabaseSync, query: string): number {
  return Number(db.prepare(query).get()?.['n'])
}

/** Puts a file that is no database any more out of the way, and says where. */
function putAside(path: string): string {
  const place = `${path}.damaged-${Date.now()}`
  for (const suffix of ['-wal', '']) if (existsSync(path + suffix)) renameSync(path + suffix, place + suffix)
  return place
}

const busy = 5
const corrupt = 11
const notADatabase = 26

function isBusy(error: unknown): boolean {
  return codeOf(error) === busy
}

function isDamaged(error: unknown): boolean {
  return codeOf(error) === corrupt || codeOf(error) === notADatabase
}

/** SQLite's result code, without what it says in its upper bytes. */
function codeOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0
}
