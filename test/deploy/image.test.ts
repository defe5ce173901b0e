import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { loadConfig } from '../../src/config/load.ts'
import { base, listed, present, top, workload } from './kustomize.ts'

const read = (path: string): string => readFileSync(join(top, path), 'utf8')

interface Instruction {
  readonly word: string
  readonly rest: string
}

/** The instructions of a Dockerfile, continued lines joined. */
function instructionsOf(source: string): Instruction[] {
  const lines = source
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
  return lines.flatMap((line) => {
    const [, word, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    if (word === undefined || rest === undefined) {
      if (line.trim() === '') return []
      throw new Error(`not an instruction: ${line}`)
    }
    return [{ word, rest }]
  })
}

const instructions = instructionsOf(read('deploy/Dockerfile'))
const firstStage = instructions.findIndex(({ word }) => word === 'FROM')
const lastStage = instructions.findLastIndex(({ word }) => word === 'FROM')
const image = instructions.slice(lastStage)

const all = (word: string, within = instructions): string[] =>
  within.filter((instruction) => instruction.word === word).map(({ rest }) => rest)

function last(word: string): string {
  return present(all(word, image).at(-1))
}

/** What a COPY takes out of the repository: nothing when it copies from another stage. */
function sourcesOf(copy: string): string[] {
  if (/(^|\s)--from=/.test(copy)) return []
  return copy
    .split(/\s+/)
    .filter((word) => !word.startsWith('--'))
    .slice(0, -1)
}

/** What the image sets, by name. */
const imageEnvironment: Readonly<Record<string, string | undefined>> = Object.fromEntries(
  [...last('ENV').matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
)

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

const composeSchema = z.object({
  services: z.object({
    gateway: z.object({
      build: z.object({ context: z.string(), dockerfile: z.string() }),
      read_only: z.literal(true),
      user: z.string(),
      cap_drop: z.tuple([z.literal('ALL')]),
      security_opt: z.array(z.string()),
      stop_grace_period: z.string().regex(/^\d+s$/),
      environment: z.record(z.string(), z.string()),
      env_file: z.array(z.strictObject({ path: z.string(), required: z.boolean() })),
      ports: z.array(z.string()),
      tmpfs: z.array(z.string()),
      volumes: z.tuple([
        z.string(),
        z.looseObject({ type: z.literal('bind'), source: z.string(), target: z.string(), read_only: z.literal(true) }),
      ]),
      healthcheck: z.object({ test: z.array(z.string()) }),
    }),
  }),
  volumes: z.record(z.string(), z.null()),
})

describe('the compose file', () => {
  const { services, volumes } = composeSchema.parse(parse(read('deploy/compose.yaml')))
  const { gateway } = services
  const [data, mounted] = gateway.volumes
  const env = { ...imageEnvironment, ...gateway.environment }
  const config = loadConfig({ path: join(top, 'deploy', mounted.source), env, flags: {} })

  test('builds the image of the Dockerfile and runs it as its user, without rights', () => {
    expect(existsSync(join(top, 'deploy', gateway.build.context, gateway.build.dockerfile))).toBe(true)
    expect(gateway.user).toBe(last('USER'))
    expect(gateway.security_opt).toContain('no-new-privileges:true')
    expect(workload(listed(base)).pod.securityContext).toMatchObject({
      runAsUser: Number(gateway.user.split(':')[0]),
      runAsGroup: Number(gateway.user.split(':')[1]),
    })
  })

  test('lets it write to a named volume and to memory only', () => {
    const [name = '', target] = data.split(':')
    expect(volumes).toHaveProperty(name)
    expect(target).toBe(config.data_dir)
    expect(gateway.tmpfs.map((mount) => mount.split(':')[0])).toEqual(['/tmp'])
  })

  test('mounts the configuration where the gateway looks for it, and asks for keys', () => {
    expect(mounted.target).toBe(gateway.environment['SWITCHYARD_CONFIG'])
    expect(config.keys.length).toBeGreaterThan(0)
    expect(gateway.env_file).toEqual([{ path: 'providers.env', required: false }])
  })

  test('publishes the port that the gateway listens on, to this machine only', () => {
    expect(gateway.ports).toEqual([`127.0.0.1:3000:${config.server.port}`])
    expect(config.server.host).toBe('0.0.0.0')
  })

  test('waits longer for a stop than the drain takes', () => {
    expect(Number.parseInt(gateway.stop_grace_period, 10)).toBeGreaterThan(config.server.drain_seconds)
  })

  test('asks for health as the image does', () => {
    const [, command = ''] = last('HEALTHCHECK').split(' CMD ')
    expect(gateway.healthcheck.test).toEqual(['CMD', ...z.array(z.string()).parse(JSON.parse(command))])
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
