import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { loadConfig } from '../../src/config/load.ts'
import { SecretFiles } from '../../src/registry/files.ts'
import { masterKeyVariable } from '../../src/registry/seal.ts'
import { databaseVariable, isPostgres } from '../../src/store/open.ts'
import { imageEnvironment, last, read } from './dockerfile.ts'
import { base, listed, top, workload } from './kustomize.ts'

const gatewaySchema = z.object({
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
})
const volumesSchema = z.record(z.string(), z.null())
const composeSchema = z.object({ services: z.object({ gateway: gatewaySchema }), volumes: volumesSchema })

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

  test('mounts the configuration where the gateway looks for it, and takes secrets from outside', () => {
    expect(mounted.target).toBe(gateway.environment['SWITCHYARD_CONFIG'])
    expect(gateway.env_file).toEqual([{ path: 'providers.env', required: false }])
    expect(gateway.environment[masterKeyVariable]).toBe(`\${${masterKeyVariable}:-}`)
    expect(config.secrets.allowed_files).toEqual(['/run/secrets/*'])
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

const databaseSchema = z.strictObject({
  services: z.strictObject({
    gateway: z.strictObject({
      environment: z.strictObject({ [databaseVariable]: z.string() }),
      networks: z.array(z.string()),
      depends_on: z.strictObject({ postgres: z.strictObject({ condition: z.literal('service_healthy') }) }),
    }),
    postgres: z.looseObject({
      image: z.string(),
      networks: z.array(z.string()),
      environment: z.record(z.string(), z.string()),
      volumes: z.tuple([z.string()]),
      healthcheck: z.looseObject({ test: z.array(z.string()) }),
    }),
  }),
  networks: z.strictObject({ database: z.strictObject({ internal: z.literal(true) }) }),
  volumes: volumesSchema,
})

describe('the compose file with a database', () => {
  const { services, networks, volumes } = databaseSchema.parse(parse(read('deploy/compose.postgres.yaml')))
  const { gateway, postgres } = services
  const password = /\$\{POSTGRES_PASSWORD:\?[^}]+\}/g

  test('leads the gateway to the database that it runs, with a password that has to be set', () => {
    const given = gateway.environment[databaseVariable]
    expect(given?.match(password)).toHaveLength(1)
    expect(postgres.environment['POSTGRES_PASSWORD']).toMatch(password)
    const url = new URL(given?.replaceAll(password, 'secret') ?? '')
    expect(isPostgres(url.href)).toBe(true)
    expect(url.hostname in services).toBe(true)
    expect([url.username, url.pathname.slice(1)]).toEqual([
      postgres.environment['POSTGRES_USER'],
      postgres.environment['POSTGRES_DB'],
    ])
  })

  test('lets nobody but the gateway reach the database', () => {
    expect(postgres.networks).toEqual(Object.keys(networks))
    expect(gateway.networks).toEqual(['default', ...postgres.networks])
    expect(postgres).not.toHaveProperty('ports')
  })

  test('keeps the database in a named volume', () => {
    const [name = '', target] = postgres.volumes[0].split(':')
    expect(volumes).toHaveProperty(name)
    expect(target).toBe('/var/lib/postgresql')
    expect(postgres.image).toMatch(/^\$\{POSTGRES_IMAGE:-postgres:18-\w+\}$/)
  })

  test('waits for the database that the URL names', () => {
    const { POSTGRES_USER: user, POSTGRES_DB: database } = postgres.environment
    expect(postgres.healthcheck.test).toEqual(['CMD', 'pg_isready', `--username=${user}`, `--dbname=${database}`])
  })
})

describe('a file that holds the key of a provider', () => {
  test('is read where compose mounts it, and as Kubernetes does, which makes it a link to a hidden folder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'secrets-'))
    try {
      mkdirSync(join(folder, '..2026_11_25'))
      writeFileSync(join(folder, '..2026_11_25', 'linked'), 'a key\n')
      symlinkSync('..2026_11_25', join(folder, '..data'))
      symlinkSync('..data/linked', join(folder, 'linked'))
      writeFileSync(join(folder, 'plain'), 'a key\n')
      const reveal = async (allowed: string, name: string) =>
        (await new SecretFiles([allowed]).read(join(folder, name))).reveal()
      expect(await reveal(`${folder}/*`, 'plain')).toBe('a key')
      expect(await reveal(folder, 'linked')).toBe('a key')
      await expect(reveal(`${folder}/*`, 'linked')).rejects.toThrow('does not allow')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
