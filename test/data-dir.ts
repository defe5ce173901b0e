import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder for one gateway's data, gone when this process ends. */
export function dataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-data-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
