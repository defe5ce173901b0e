import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { loadConfig } from '../../src/config/load.ts'
import { all, image, imageEnvironment, instructions, last, read } from './dockerfile.ts'
import { top } from './kustomize.ts'

const firstStage = instructions.findIndex(({ word }) => word === 'FROM')

/** What a COPY takes out of the repository: nothing when it copies from another stage. */
function sourcesOf(copy: string): string[] {
  if (/(^|\s)--from=/.test(copy)) return []
  return copy
    .split(/\s+/)
    .filter((word) => !word.startsWith('--'))
    .slice(0, -1)
}

const copied = all('COPY').flatMap(sourcesOf)

const packageSchema = z.object({
  name: z.string(),
  license: z.string(),
  devDependencies: z.object({ node: z.string() }),
})
const manifest = packageSchema.parse(parse(read('package.json')))

const dependencies = z.record(z.string(), z.string()).optional()
const lockedPackage = z.looseObject({
  dev: z.boolean().optional(),
  hasInstallScript: z.boolean().optional(),
  dependencies,
  optionalDependencies: dependencies,
})
const { packages: lockedPackages } = z
  .object({ packages: z.record(z.string(), lockedPackage) })
  .parse(parse(read('package-lock.json')))

/** Whether a package that is wanted by the one at `path` is in the lock file: in its own folder or in one above. */
function isLocked(name: string, path: string): boolean {
  if (`${path}/node_modules/${name}`.replace(/^\//, '') in lockedPackages) return true
  return path !== '' && isLocked(name, path.slice(0, Math.max(0, path.lastIndexOf('/node_modules/'))))
}

describe('the Dockerfile', () => {
  test('builds every stage on the base image that is asked for, by default the Node of the project', () => {
    const [declared] = all('ARG', instructions.slice(0, firstStage))
    expect(declared).toMatch(/^BASE_IMAGE=node:[\d.]+-\w+-slim$/)
    expect(declared).toContain(`node:${manifest.devDependencies.node}-`)
    for (const from of all('FROM')) expect(from).toMatch(/^\$\{BASE_IMAGE\} AS \w+$/)
    expect(all('FROM').length).toBeGreaterThan(1)
  })

  test('copies from the repository only what is there, and downloads nothing by ADD', () => {
    expect(copied).toContain('src')
    for (const source of copied) expect(existsSync(join(top, source)), source).toBe(true)
    expect(all('ADD')).toEqual([])
  })

  test('copies from stages that exist', () => {
    const stages = all('FROM').map((from) => from.split(' AS ')[1])
    const from = all('COPY').flatMap((copy) => /--from=(\S+)/.exec(copy)?.[1] ?? [])
    expect(from.length).toBeGreaterThan(0)
    for (const stage of from) expect(stages).toContain(stage)
  })

  test('installs production dependencies only, as they are locked', () => {
    const installs = all('RUN').filter((command) => command.includes('npm '))
    expect(installs).toHaveLength(1)
    expect(installs[0]).toMatch(/npm ci --omit=dev --ignore-scripts /)
  })

  test('needs no install script, and no package that the lock file lacks', () => {
    const production = Object.entries(lockedPackages).filter(([, { dev }]) => dev !== true)
    expect(production.filter(([, { hasInstallScript }]) => hasInstallScript).map(([name]) => name)).toEqual([])
    const lacking = production.flatMap(([path, entry]) =>
      Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }).filter((name) => !isLocked(name, path)),
    )
    expect(lacking).toEqual([])
  })

  test('runs as a numeric user that is not root', () => {
    expect(last('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  })

  test('starts the gateway with the node of the base image', () => {
    expect(JSON.parse(last('ENTRYPOINT'))).toEqual(['node', 'src/main.ts'])
    expect(JSON.parse(last('CMD'))).toEqual(['serve'])
    expect(last('STOPSIGNAL')).toBe('SIGTERM')
    expect(last('ENV')).not.toContain('PATH')
  })

  test('has the command line under its name', () => {
    const [, target = '', link] = /^ln -s (\S+) (\S+)$/.exec(all('RUN', image).at(-1) ?? '') ?? []
    expect(link).toBe('/usr/local/bin/switchyard')
    const entry = join(top, target.replace('/app/', ''))
    expect(statSync(entry).mode & 0o111).toBe(0o111)
    expect(read('src/main.ts').split('\n')[0]).toBe('#!/usr/bin/env node')
  })

  test('listens where it says, and keeps its data in the folder that is made for its user', () => {
    const config = loadConfig({ env: imageEnvironment, flags: {} })
    expect(config.server.host).toBe('0.0.0.0')
    expect(last('EXPOSE')).toBe(String(config.server.port))
    const [user, group] = last('USER').split(':')
    expect(all('RUN', image)).toContain(`install -d -o ${user} -g ${group} -m 0750 ${config.data_dir}`)
  })

  test('carries labels that say what it is', () => {
    const labels = Object.fromEntries(
      [...last('LABEL').matchAll(/([\w.]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    )
    expect(labels['org.opencontainers.image.title']?.toLowerCase()).toBe(manifest.name)
    expect(labels['org.opencontainers.image.licenses']).toBe(manifest.license)
    for (const name of ['version', 'revision', 'description', 'base.name']) {
      expect(labels).toHaveProperty([`org.opencontainers.image.${name}`])
    }
    for (const value of Object.values(labels)) {
      for (const [, used] of String(value).matchAll(/\$\{(\w+)\}/g)) {
        expect(all('ARG', image).map((argument) => argument.split('=')[0])).toContain(used)
      }
    }
  })
})

describe('the build context', () => {
  const patterns = read('deploy/Dockerfile.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))

  test('is empty but for what the Dockerfile copies', () => {
    expect(patterns[0]).toBe('*')
    const admitted = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1))
    expect(admitted.toSorted()).toEqual([...new Set(copied)].toSorted())
  })

  test('leaves out tests and whatever may hold keys', () => {
    const after = patterns.slice(patterns.findLastIndex((pattern) => pattern.startsWith('!')) + 1)
    expect(after).toEqual(expect.arrayContaining(['**/*.test.ts', '**/node_modules', '**/*.env', '**/.env*']))
  })
})

describe('the health check', () => {
  const [, command = ''] = last('HEALTHCHECK').split(' CMD ')
  const [, ...options] = z.array(z.string()).parse(JSON.parse(command))

  /** Runs the check against a server that gives one answer, and tells its exit code. */
  async function check(status: number | undefined): Promise<number | null> {
    const asked: (string | undefined)[] = []
    const server = createServer((request, response) => {
      asked.push(request.url)
      response.writeHead(status ?? 500).end()
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = z.object({ port: z.number() }).parse(server.address())
    if (status === undefined) await once(server.close(), 'close')
    const there = options.map((option) => option.replace(':3000/', `:${address.port}/`))
    const [code] = z
      .tuple([z.number().nullable(), z.unknown()])
      .parse(await once(spawn(process.execPath, there), 'exit'))
    if (status !== undefined) server.close()
    expect(asked).toEqual(status === undefined ? [] : ['/readyz'])
    return code
  }

  test.each([
    ['a gateway that is ready', 200, 0],
    ['a gateway that is not', 503, 1],
    ['nobody', undefined, 1],
  ])('of %s', async (_, status, code) => {
    expect(await check(status)).toBe(code)
  })
})
