import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type LoadedPlugins, loadPlugins } from './load.ts'

const schema = '{ parse: (value) => value, safeParse: (data) => ({ success: true, data }) }'

/** The source of a plugin's module, with parts of its manifest replaced. */
function source(type: string, given = ''): string {
  return `export default {
    manifest: { type: '${type}', contract: 'switchyard.v1', title: 'T', models: [], settings: ${schema}, ${given} },
    create: () => ({}),
  }`
}

/** A folder with these files, gone when the test is over. */
async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plugins-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const [path, text] of Object.entries({ 'built-in/.keep': '', ...files })) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return folder
}

async function load(files: Record<string, string>, ...named: string[]): Promise<LoadedPlugins> {
  const baseDir = await folderWith(files)
  return loadPlugins({ builtIn: pathToFileURL(join(baseDir, 'built-in/')), named, baseDir })
}

async function problemOf(...given: Parameters<typeof load>): Promise<string> {
  const error: unknown = await load(...given).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return error instanceof Error ? error.message : expect.fail('the plugins were loaded')
}

describe('loading', () => {
  test('takes every folder that has an index, and leaves other folders and files alone', async () => {
    const loaded = await load({
      'built-in/beta/index.ts': source('beta'),
      'built-in/alpha/index.js': source('alpha'),
      'built-in/notes/README.md': '# none',
      'built-in/stray.ts': 'throw new Error("not a plugin")',
    })
    expect([...loaded.keys()]).toEqual(['alpha', 'beta'])
  })

  test('then takes named folders, files and packages, in order', async () => {
    const loaded = await load(
      {
        'built-in/alpha/index.ts': source('alpha'),
        'mine/index.ts': source('mine'),
        'single/plugin.ts': source('single'),
        'node_modules/acme-plugin/package.json': '{ "type": "module", "exports": { ".": { "import": "./main.js" } } }',
        'node_modules/acme-plugin/main.js': source('acme'),
        'node_modules/@west/plugin/package.json': '{ "type": "module", "main": "lib/west.js" }',
        'node_modules/@west/plugin/lib/west.js': source('west'),
      },
      './mine',
      './single/plugin.ts',
      'acme-plugin',
      '@west/plugin',
    )
    expect([...loaded.keys()]).toEqual(['alpha', 'mine', 'single', 'acme', 'west'])
  })

  test('takes the plugins of this repository', async () => {
    const builtIn = new URL('../../plugins/', import.meta.url)
    const loaded = await loadPlugins({ builtIn, named: [], baseDir: '/' })
    expect([...loaded.keys()]).toEqual(expect.arrayContaining(['openai', 'remote', 'simulator']))
  })

  const index = 'built-in/alpha/index.ts'
  test.each([
    [
      'has another contract',
      { [index]: source('alpha', "contract: 'switchyard.v9'") },
      /"alpha".*manifest\.contract.*switchyard\.v1/,
    ],
    ['has a type that is no word', { [index]: source('Alpha One') }, /"alpha".*manifest\.type.*lower-case word/],
    [
      'has settings without a schema',
      { [index]: source('alpha', 'settings: {}') },
      /"alpha".*manifest\.settings.*parse/,
    ],
    [
      'has a pattern with a star inside',
      { [index]: source('alpha', "models: ['a*b']") },
      /"alpha".*manifest\.models\.0/,
    ],
    ['has no create', { [index]: source('alpha').replace('create', 'make') }, /"alpha".*create.*must be a function/],
    ['has no default export', { [index]: 'export const nothing = 1' }, /"alpha".*no default export/],
    [
      'throws when it is imported',
      { [index]: 'throw new Error("first line\\nsecond line")' },
      /"alpha".*first line second line$/,
    ],
  ])('fails with one line that names the plugin when it %s', async (_, files, expected) => {
    const problem = await problemOf(files)
    expect(problem).toMatch(expected)
    expect(problem).not.toContain('\n')
  })

  test('fails when two plugins have one type', async () => {
    const files = { 'built-in/alpha/index.ts': source('alpha'), 'mine/index.ts': source('alpha') }
    expect(await problemOf(files, './mine')).toMatch(/"\.\/mine".*type "alpha"/)
  })

  test('fails when a named plugin is not there', async () => {
    expect(await problemOf({}, './missing')).toMatch(/"\.\/missing".*no such file/)
    expect(await problemOf({}, 'missing-package')).toMatch(/"missing-package".*no such npm package/)
  })

  test('fails when the folder of plugins is not there', async () => {
    const builtIn = pathToFileURL('/no/such/folder/')
    await expect(loadPlugins({ builtIn, named: [], baseDir: '/' })).rejects.toThrow('/no/such/folder')
  })
})
