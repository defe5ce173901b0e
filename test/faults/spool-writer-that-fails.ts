/** The writing thread of a spool, which ends or stands still when a file tells it to, each file once. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'

const { folder } = workerData as { folder: string }

function told(what: string): boolean {
  const path = join(folder, what)
  if (!existsSync(path)) return false
  rmSync(path)
  return true
}

parentPort?.on('message', () => {
  if (told('end')) process.exit(1)
  if (told('stand still')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
})
// After that listener, so that it comes first.
await import('../../src/ledger/spool-writer.ts')
