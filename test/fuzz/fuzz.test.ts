import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import seeds from './seeds.json' with { type: 'json' }
import { targetNames } from './targets.ts'

/** Seconds for each decoder: a minute where the project is proved, a moment while somebody works on it. */
const seconds = Number(process.env['FUZZ_SECONDS'] ?? (process.env['CI'] === 'true' ? 60 : 2))

/**
 * Where each decoder's inputs begin, the same in every run: one that fails says that the change before it broke something.
 * `npm run fuzz` without a seed breaks new ground.
 */
const seedOf = (name: string): number => (seeds as Readonly<Record<string, number>>)[name] ?? 1

/** Each decoder has a process of its own. Eight at a time share the processors, so that all of them take twice as long as one. */
describe.concurrent('fuzzing', () => {
  test.each(targetNames)(
    'finds no input for which %s breaks a promise',
    async (name) => {
      const { output, code } = await fuzz(name)
      process.stdout.write(output)
      expect(code, output).toBe(0)
    },
    (seconds + 240) * 1000,
  )
})

async function fuzz(name: string): Promise<{ readonly output: string; readonly code: number | null }> {
  const script = join(import.meta.dirname, 'fuzz.ts')
  const child = spawn(process.execPath, [script, name, '--seconds', String(seconds), '--seed', String(seedOf(name))], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (text: Buffer) => (output += text.toString()))
  child.stderr.on('data', (text: Buffer) => (output += text.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { output, code }
}
