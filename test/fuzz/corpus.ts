import { createHash } from 'node:crypto'
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, 'corpus')

/** Writes a finding as a file that is replayed from then on. Gives its path. */
export function keepInCorpus(name: string, written: string): string {
  const file = join(folder, name, `${createHash('sha256').update(written).digest('hex').slice(0, 12)}.json`)
  mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(file, `${written}\n`)
  return file
}

/** One input that once broke a promise. */
export interface Kept {
  readonly file: string
  readonly written: unknown
}

/** The inputs that are kept for a decoder. */
export function corpusOf(name: string): Kept[] {
  const files = globSync(`${name}/*.json`, { cwd: folder }).toSorted()
  return files.map((file) => ({ file, written: JSON.parse(readFileSync(join(folder, file), 'utf8')) as unknown }))
}
