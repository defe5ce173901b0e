import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Evidence, type Leak } from './evidence.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** How it went. */
export interface SuitesResult {
  /** The keys that the tests give their gateways. */
  readonly canaries: readonly string[]
  readonly leaks: readonly Leak[]
  readonly bytes: number
  /** The last lines of the tests' own output, and how they ended. */
  readonly ending: string
  readonly code: number | null
}

/**
 * Runs the tests end to end and with faults, writes down all that their gateways say and keep, and looks for the keys that they were
 * given: what is written in the tests as `'canary-…'`.
 */
export async function searchSuites(paths: readonly string[] = ['test/e2e', 'test/faults']): Promise<SuitesResult> {
  const sources = globSync('test/{e2e,faults}/**/*.ts', { cwd: root }).map((name) =>
    readFileSync(join(root, name), 'utf8'),
  )
  const found = sources.flatMap((text) => [...text.matchAll(/'(canary-[\w-]{12,})'/g)].map(([, key = '']) => key))
  const canaries = [...new Set(found)]
  const evidence = new Evidence(canaries.map((key) => ({ name: key, pieces: [Buffer.from(key)] })))
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-record-'))
  try {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const config = join(import.meta.dirname, 'vitest.config.ts')
    const child = spawn(
      process.execPath,
      [vitest, 'run', '--config', config, '--exclude', 'test/faults/canaries.test.ts', ...paths],
      {
        cwd: root,
        env: { ...process.env, SWITCHYARD_RECORD: folder },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    const ended = once(child, 'close') as Promise<[number | null]>
    const [stdout, stderr] = await Promise.all([buffer(child.stdout), buffer(child.stderr)])
    const [code] = await ended
    evidence.take('stdout: the tests', stdout)
    evidence.take('stderr: the tests', stderr)
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const path = join(folder, name)
      if (statSync(path).isFile()) evidence.take(`recorded: ${name}`, readFileSync(path))
    }
    const ending = stdout.toString().trimEnd().split('\n').slice(-8).join('\n')
    return { canaries, leaks: evidence.leaks, bytes: evidence.bytes, ending, code }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
