import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GatewayError } from '../error/index.ts'
import { SecretFiles } from './files.ts'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'switchyard-files-')))
afterAll(() => rmSync(root, { recursive: true }))
const at = (path: string): string => join(root, path)

beforeAll(() => {
  mkdirSync(at('secrets/team'), { recursive: true })
  mkdirSync(at('secrets/mounted/..2026'), { recursive: true })
  mkdirSync(at('elsewhere'))
  writeFileSync(at('secrets/vendor'), '  sk-of-a-file\n')
  writeFileSync(at('secrets/team/vendor'), 'sk-of-a-team')
  writeFileSync(at('secrets/blank'), ' \n')
  writeFileSync(at('secrets/large'), 'x'.repeat(65 * 1024))
  writeFileSync(at('elsewhere/private'), 'canary')
  writeFileSync(at('secrets/mounted/..2026/key'), 'sk-of-a-mount')
  symlinkSync(at('elsewhere/private'), at('secrets/escape'))
  symlinkSync('vendor', at('secrets/link'))
  symlinkSync('..2026', at('secrets/mounted/..data'))
  symlinkSync('..data/key', at('secrets/mounted/key'))
  symlinkSync(at('secrets'), at('by-another-name'))
  symlinkSync(at('elsewhere'), at('secrets/folder'))
})

/** What becomes of reading a file: its text, or the reason and message. */
async function read(allowed: readonly string[], path: string): Promise<string> {
  try {
    return (await new SecretFiles(allowed).read(path)).reveal()
  } catch (error) {
    if (error instanceof GatewayError) return `${error.reason}: ${error.message}`
    throw error
  }
}

describe('what is read', () => {
  test.each<[what: string, allowed: string, path: string, text: string]>([
    ['a file that a pattern means, without the space around', 'secrets/*', 'secrets/vendor', 'sk-of-a-file'],
    ['a file that is named itself', 'secrets/vendor', 'secrets/vendor', 'sk-of-a-file'],
    ['a file anywhere below a folder', 'secrets', 'secrets/team/vendor', 'sk-of-a-team'],
    ['a file in a folder that a pattern means', 'secrets/t*m/*', 'secrets/team/vendor', 'sk-of-a-team'],
    ['a link to a file beside it', 'secrets/*', 'secrets/link', 'sk-of-a-file'],
    [
      'a secret as a cluster mounts it, by links within the folder',
      'secrets/mounted',
      'secrets/mounted/key',
      'sk-of-a-mount',
    ],
    ['a file in a folder that is reached by a link', 'by-another-name', 'by-another-name/vendor', 'sk-of-a-file'],
  ])('%s', async (_, allowed, path, text) => {
    expect(await read([at('nowhere'), at(allowed)], at(path))).toBe(text)
  })
})

describe('what is not', () => {
  test.each<[what: string, allowed: string, path: string]>([
    ['a file that nobody allowed', 'secrets/*', 'elsewhere/private'],
    ['a file deeper than the pattern', 'secrets/*', 'secrets/team/vendor'],
    ['the folder itself, by a pattern', 'secrets/*', 'secrets'],
    ['a way back out', 'secrets', 'secrets/../elsewhere/private'],
    ['a name that only begins like the folder', 'secret', 'secrets/vendor'],
    ['a hidden file, by a star', 'secrets/mounted/*/key', 'secrets/mounted/..2026/key'],
    ['a file with something in its name that is not in the pattern', 'secrets/*or', 'secrets/vendor2'],
  ])('%s', async (_, allowed, path) => {
    const full = path.includes('..') ? `${root}/${path}` : at(path)
    expect(await read([at(allowed)], full)).toMatch(/^invalid_request: only files in .* may be read/)
  })

  test.each([
    'secrets/vendor',
    `${root}//secrets/vendor`,
    `${root}/secrets/vendor/`,
    `${root}/secrets/./vendor`,
    `${root}/secrets/a\0b`,
    '',
  ])('a path that does not say where it leads (%j)', async (path) => {
    expect(await read([at('secrets'), at('secrets/*')], path)).toMatch(/^invalid_request/)
  })

  test.each(['secrets/escape', 'secrets/folder/private'])('a link that leads out (%s)', async (path) => {
    expect(await read([at('secrets')], at(path))).toMatch(/^provider_credential: .* is a link to a place/)
  })

  test.each([
    ['nothing', 'secrets/absent', 'is not there'],
    ['a folder', 'secrets/team', 'is not a file'],
    ['an empty file', 'secrets/blank', 'is empty'],
    ['a book', 'secrets/large', 'is too large'],
  ])('%s', async (_, path, told) => {
    expect(await read([at('secrets')], at(path))).toBe(
      `provider_credential: the key file ${at(path)} ${told}${told === 'is too large' ? ' for a key' : ''}`,
    )
  })

  test('anything, when nothing is allowed', async () => {
    expect(await read([], at('secrets/vendor'))).toMatch(/^invalid_request/)
  })
})

test('the stamp of a file changes with it, and with its coming and going', async () => {
  const files = new SecretFiles([at('secrets')])
  const path = at('secrets/turning')
  const seen = new Set([await files.stamp(path)])
  writeFileSync(path, 'one')
  seen.add(await files.stamp(path))
  writeFileSync(path, 'three')
  seen.add(await files.stamp(path))
  rmSync(path)
  expect(seen.size).toBe(3)
  expect(await files.stamp(path)).toBe('absent')
})
