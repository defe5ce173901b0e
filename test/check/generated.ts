/** Generates the code again into a temporary folder and fails when it is not what is committed. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const fresh = mkdtempSync(join(tmpdir(), 'switchyard-gen-'))
try {
  execFileSync('buf', ['generate', '--output', fresh], { stdio: 'inherit' })
  execFileSync('diff', ['--recursive', join(fresh, 'src/gen'), 'src/gen'], { stdio: 'inherit' })
} catch {
  process.stderr.write('src/gen is not what proto/ generates: run "npm run generate"\n')
  process.exitCode = 1
} finally {
  rmSync(fresh, { recursive: true, force: true })
}
