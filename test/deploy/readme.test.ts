import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { top } from './kustomize.ts'

/** Runs a command in a shell that finds this node first; gives the key and the hash that it prints. */
function printed(command = ''): readonly [string, string] {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` }
  const { stdout } = spawnSync('sh', ['-c', command], { encoding: 'utf8', env })
  const [, key = '', hash = ''] = /^key: +([0-9a-f]{64})\nhash: (sha256:[0-9a-f]{64})\n$/.exec(stdout) ?? []
  return [key, hash]
}

const hashOf = (key: string): string => `sha256:${createHash('sha256').update(key).digest('hex')}`

describe('the commands that make a key', () => {
  const blocks = [...readFileSync(join(top, 'deploy/README.md'), 'utf8').matchAll(/```sh\n(.*?)```/gs)]
  const [openssl, node] = blocks.map(([, block = '']) => block).filter((block) => block.includes('hash:'))
  const hasOpenssl = spawnSync('openssl', ['version']).status === 0

  test.runIf(hasOpenssl)('with openssl give a key and its hash', () => {
    expect(openssl).toContain('openssl rand')
    const [key, hash] = printed(openssl)
    expect(hash).toBe(hashOf(key))
  })

  test('with node give a key and its hash', () => {
    expect(node).toMatch(/^node -e/)
    const [key, hash] = printed(node)
    expect(hash).toBe(hashOf(key))
  })
})
