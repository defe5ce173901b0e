import { hash } from 'node:crypto'
import type { BadRow, SkippedRow } from './engine.ts'

/** Rows that are remembered at most; of more, the one told longest ago is told again. */
const most = 10_000

/**
 * Tells of a row that cannot be read once, for as long as it stays as it is: what is in the store is read again at every change of it.
 * What was in the row is remembered as a hash.
 */
export function tellOnce(tell: (row: BadRow) => void): SkippedRow {
  const told = new Map<string, string>()
  const nameOf = (table: string, id: string): string => `${table} ${id}`
  return {
    bad({ table, id, problem }, content) {
      const name = nameOf(table, id)
      const print = hash('sha256', writtenOut(content))
      if (told.get(name) === print) return
      told.delete(name)
      told.set(name, print)
      for (const oldest of told.keys()) {
        if (told.size <= most) break
        told.delete(oldest)
      }
      tell({ table, id: id.slice(0, 64), problem })
    },
    good(table, id) {
      if (told.size > 0) told.delete(nameOf(table, id))
    },
  }
}

function writtenOut(row: unknown): string {
  return JSON.stringify(row, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
}
