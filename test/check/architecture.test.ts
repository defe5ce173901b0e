import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

/** The folders of `src` from the ground up: a file may import its own layer's folder and everything below it. */
const layers = [
  ['gen'],
  ['model', 'error'],
  ['catalog'],
  ['dialects'],
  ['provider', 'store'],
  ['core'],
  ['jobs', 'observe', 'registry', 'ledger', 'keys', 'files', 'idempotency'],
  ['config', 'server'],
  ['conformance'],
  ['gateway.ts', 'version.ts'],
  ['cli'],
  ['main.ts'],
]
const files = globSync('{src,plugins}/**/*.ts').filter((file) => !file.endsWith('.test.ts'))

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const found = text.matchAll(
    /(?:^|[\s;])(?:import|export)\b[^'"`;]*?from\s*'([^']+)'|\bimport\(\s*'([^']+)'|^import\s+'([^']+)'/gm,
  )
  return [...found].map(([, from, dynamic, bare]) => from ?? dynamic ?? bare ?? '')
}

/** Paths below the repository that a file imports. */
function localImports(file: string): string[] {
  return importsOf(file).flatMap((name) => {
    if (name.startsWith('#gen/')) return [name.replace('#gen/', 'src/gen/')]
    if (name === '#provider') return ['src/provider/index.ts']
    return name.startsWith('.') ? [normalize(join(dirname(file), name))] : []
  })
}

function layerOf(path: string): number {
  const place = path.split('/')[1] ?? ''
  return layers.findIndex((layer) => layer.includes(place))
}

const placeOf = (path: string): string => path.split('/')[1] ?? ''

test('every file of src belongs to a layer', () => {
  expect(files.filter((file) => file.startsWith('src/') && layerOf(file) < 0)).toEqual([])
})

test('no file imports from a layer above its own', () => {
  const upward = files
    .filter((file) => file.startsWith('src/'))
    .flatMap((file) =>
      localImports(file)
        .filter((target) => target.startsWith('src/') && layerOf(target) > layerOf(file))
        .map((target) => `${file} -> ${target}`),
    )
  expect(upward).toEqual([])
})

test('what two folders of one layer share is below them: no sideways imports, but for the declared ones', () => {
  const declared = new Set(['error -> model', 'server -> config', 'config -> server', 'gateway.ts -> version.ts'])
  const sideways = files
    .filter((file) => file.startsWith('src/'))
    .flatMap((file) =>
      localImports(file)
        .filter((target) => layerOf(target) === layerOf(file) && placeOf(target) !== placeOf(file))
        .filter((target) => !declared.has(`${placeOf(file)} -> ${placeOf(target)}`))
        .map((target) => `${file} -> ${target}`),
    )
  expect(sideways).toEqual([])
})

test('no cycle of imports, types included', () => {
  const graph = new Map(files.map((file) => [file, localImports(file)]))
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) cycles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '))
    else if (!done.has(file)) {
      for (const next of graph.get(file) ?? []) visit(next, [...trail, file])
      done.add(file)
    }
  }
  for (const file of files) visit(file, [])
  expect(cycles).toEqual([])
})

test('a plugin imports nothing of the gateway but its door', () => {
  const strays = files
    .filter((file) => file.startsWith('plugins/'))
    .flatMap((file) => {
      const folder = file.split('/').slice(0, 2).join('/')
      return localImports(file)
        .filter((target) => target !== 'src/provider/index.ts' && !target.startsWith(`${folder}/`))
        .map((target) => `${file} -> ${target}`)
    })
  expect(strays).toEqual([])
})

test('nobody imports a plugin', () => {
  const guests = files.filter(
    (file) => file.startsWith('src/') && localImports(file).some((target) => target.startsWith('plugins/')),
  )
  expect(guests).toEqual([])
})

test("no vendor's name outside plugins and dialects", () => {
  const vendors = globSync('plugins/*/index.ts')
    .map((file) => file.split('/')[1] ?? '')
    .filter((name) => name !== 'simulator' && name !== 'remote')
  const pattern = new RegExp(`['"\`/](?:${vendors.join('|')})['"\`/]`, 'i')
  const named = files
    .filter((file) => file.startsWith('src/') && !file.startsWith('src/gen/') && !file.startsWith('src/dialects/'))
    .filter((file) => pattern.test(readFileSync(file, 'utf8')))
  expect(named).toEqual([])
})

test('every export of src has a doc sentence', () => {
  const bare = files
    .filter((file) => file.startsWith('src/') && !file.startsWith('src/gen/'))
    .flatMap((file) => {
      const lines = readFileSync(file, 'utf8').split('\n')
      return lines.flatMap((line, index) => {
        if (!/^export (?:async )?(?:function|class|const|interface|type|abstract) \w/.test(line)) return []
        return /\*\/\s*$/.test(lines[index - 1] ?? '') ? [] : [`${file}:${index + 1} ${line}`]
      })
    })
  expect(bare).toEqual([])
})
