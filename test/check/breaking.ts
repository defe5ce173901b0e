/**
 * Compares the contract with the last release, or with main where there is none yet, and fails when a change breaks those who
 * use it. Without history to compare with, as in an unpacked archive, it says so.
 */
import { execFileSync } from 'node:child_process'

function git(...words: string[]): string {
  try {
    return execFileSync('git', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return ''
  }
}

const release = git('describe', '--tags', '--abbrev=0', '--match', 'v*')
const base = [release, 'origin/main', 'main'].find((name) => name !== '' && git('ls-tree', name, 'proto/') !== '')
if (base === undefined) process.stdout.write('contract: no earlier version to compare with\n')
else {
  const reference = base === release ? `tag=${base}` : `ref=${git('rev-parse', base)}`
  execFileSync('buf', ['breaking', '--against', `.git#${reference}`], { stdio: 'inherit' })
}
