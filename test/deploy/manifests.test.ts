import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { BlockList, isIPv6 } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { loadConfig } from '../../src/config/load.ts'
import { masterKeyVariable } from '../../src/registry/seal.ts'
import { databaseVariable } from '../../src/store/open.ts'
import * as kustomize from './kustomize.ts'
import { base, migrate, only, podOf, present, production, small, top } from './kustomize.ts'

const labels = { 'app.kubernetes.io/name': 'switchyard', 'app.kubernetes.io/component': 'gateway' }

const folders = { base, small, production, migrate }

/** Where `kubectl` is at hand, what it makes of the files is put to the same tests as the files. */
function sets(...names: readonly (keyof typeof folders)[]): (readonly [string, () => kustomize.Document[]])[] {
  return names.flatMap((name) => [
    [`${name} as written`, () => kustomize.listed(folders[name])] as const,
    ...(kustomize.hasKubectl ? [[`${name} as rendered`, () => kustomize.rendered(folders[name])] as const] : []),
  ])
}

describe.each(sets('base', 'small', 'production', 'migrate'))('%s', (_, read) => {
  test.each(read().map((document) => [`${document.kind} ${document.metadata.name}`, document] as const))(
    'has a valid %s',
    (_name, document) => {
      expect(() => kustomize.validate(document)).not.toThrow()
      expect(document.metadata.labels).toMatchObject({ 'app.kubernetes.io/name': 'switchyard' })
    },
  )

  test('runs with as few rights as there are', () => {
    const documents = read()
    const job = documents.find(({ kind }) => kind === 'Job')
    const { pod, container } = job === undefined ? kustomize.workload(documents) : migration(documents)
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    expect(pod.securityContext?.runAsUser).toBeGreaterThan(0)
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(pod.automountServiceAccountToken).toBe(false)
  })

  test('holds no value of a secret', () => {
    expect(read().map(kustomize.kindOf)).not.toContain('v1/Secret')
    expect(JSON.stringify(read())).not.toMatch(/postgres(ql)?:\/\//)
  })
})

describe.each(sets('base', 'small', 'production'))('%s', (_, read) => {
  const documents = read()
  const { set, pod, container, env, secrets } = kustomize.workload(documents)
  const service = present(only('v1/Service', documents, 'switchyard').spec)
  const pods = only('v1/Service', documents, 'switchyard-pods')
  const portNames = present(container.ports).map(({ name }) => name)

  test('has each of its documents once, with labels that say whose they are', () => {
    const names = documents.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    expect(new Set(names).size).toBe(names.length)
    for (const { metadata } of documents.filter(({ metadata: { name } }) => name === 'switchyard'))
      expect(metadata.labels).toMatchObject(labels)
    expect(set.template.metadata?.labels).toMatchObject(labels)
  })

  test('selects the pods of the StatefulSet wherever pods are selected', () => {
    expect(set.selector.matchLabels).toEqual(labels)
    for (const selector of [service.selector, pods.spec?.selector]) expect(selector).toEqual(labels)
    expect(only('policy/v1/PodDisruptionBudget', documents).spec?.selector?.matchLabels).toEqual(labels)
    expect(only('networking.k8s.io/v1/NetworkPolicy', documents).spec?.podSelector?.matchLabels).toEqual(labels)
    for (const spread of present(pod.topologySpreadConstraints)) {
      expect(spread.labelSelector?.matchLabels).toEqual(labels)
    }
  })

  test('gives the pods names of their own', () => {
    expect(set.serviceName).toBe(pods.metadata?.name)
    expect(pods.spec?.clusterIP).toBe('None')
  })

  test('probes the health paths on a port that the container has', () => {
    const probes = [container.startupProbe, container.readinessProbe, container.livenessProbe]
    expect(probes.map((probe) => probe?.httpGet?.path)).toEqual(['/readyz', '/readyz', '/livez'])
    for (const probe of probes) expect(portNames).toContain(probe?.httpGet?.port)
  })

  test('lets a start take as long as the tables may take to be brought up to date', () => {
    const { periodSeconds, failureThreshold } = present(container.startupProbe)
    expect(present(periodSeconds) * present(failureThreshold)).toBeGreaterThan(120)
  })

  test('leads from services, monitor and network policy to the port of the container', () => {
    const [port] = present(service.ports)
    for (const { targetPort, appProtocol } of [port, pods.spec?.ports?.[0]].map(present)) {
      expect(portNames).toContain(targetPort)
      expect(appProtocol).toBe('kubernetes.io/h2c')
    }

    const monitor = present(only('monitoring.coreos.com/v1/ServiceMonitor', documents).spec)
    const watched = documents.filter(
      ({ kind, metadata }) =>
        kind === 'Service' &&
        Object.entries(present(monitor.selector.matchLabels)).every(([name, value]) => metadata.labels[name] === value),
    )
    expect(watched.map(({ metadata }) => metadata.name)).toEqual(['switchyard'])
    expect(monitor.endpoints.map((endpoint) => endpoint.port)).toEqual([port?.name])

    const ingress = present(only('networking.k8s.io/v1/NetworkPolicy', documents).spec?.ingress)
    expect(ingress.flatMap((rule) => rule.ports?.map((allowed) => allowed.port))).toEqual(portNames)
  })

  test('never takes two pods away at once', () => {
    expect(only('policy/v1/PodDisruptionBudget', documents).spec?.maxUnavailable).toBe(1)
    expect(set.updateStrategy).toEqual({ type: 'RollingUpdate' })
    expect(set.podManagementPolicy).toBe('Parallel')
  })

  test('leaves the drain its time between the preStop sleep and the kill', () => {
    const { drain_seconds } = loadConfig({ path: `${base}/config.example.yaml`, env: {}, flags: {} }).server
    const sleep = present(container.lifecycle?.preStop?.sleep?.seconds)
    expect(sleep).toBeGreaterThan(0)
    expect(drain_seconds).toBe(loadConfig({ env: {}, flags: {} }).server.drain_seconds)
    expect(drain_seconds).toBeLessThan(present(pod.terminationGracePeriodSeconds) - sleep)
  })

  test('runs as an account without rights in the cluster', () => {
    const account = only('v1/ServiceAccount', documents)
    expect(pod.serviceAccountName).toBe(account.metadata?.name)
    expect(account.automountServiceAccountToken).toBe(false)
  })

  test('does not start without its secrets, and ships none', () => {
    const config = pod.volumes?.find(({ name }) => name === 'config')
    expect(config?.secret).toMatchObject({ secretName: 'switchyard-config', optional: false, defaultMode: 0o440 })
    expect(container.envFrom).toEqual([{ secretRef: { name: 'switchyard-provider-keys' } }])
    expect(secrets[masterKeyVariable]).toBe('switchyard-secrets/master-key')
  })

  test('keeps its data in a volume that is there again when the pod is', () => {
    const mounts = present(container.volumeMounts)
    const [claim, ...more] = present(set.volumeClaimTemplates)
    expect(more).toEqual([])
    expect(mounts.find(({ name }) => name === claim?.metadata?.name)?.mountPath).toBe(env['SWITCHYARD_DATA_DIR'])
    expect(claim?.spec?.accessModes).toEqual(['ReadWriteOnce'])
    expect(set.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' })
    expect(pod.securityContext?.fsGroup).toBe(pod.securityContext?.runAsGroup)
  })

  test('mounts the configuration where the environment says, and nothing else to write on but scratch space', () => {
    const volumes = present(pod.volumes)
    const mounts = present(container.volumeMounts)
    expect(mounts.map(({ name }) => name).toSorted()).toEqual([...volumes.map(({ name }) => name), 'data'].toSorted())
    const config = present(mounts.find(({ name }) => name === 'config'))
    const items = present(volumes.find(({ name }) => name === 'config')?.secret?.items)
    expect(items.map(({ path }) => `${config.mountPath}/${path}`)).toEqual([env['SWITCHYARD_CONFIG']])

    const writable = mounts.filter(({ readOnly }) => readOnly !== true)
    expect(writable.map(({ mountPath }) => mountPath)).toEqual([env['SWITCHYARD_DATA_DIR'], '/tmp'])
    expect(volumes.find(({ name }) => name === 'tmp')?.emptyDir).toBeDefined()
  })

  test('mounts the files that hold keys where they may be read from', () => {
    const files = present(container.volumeMounts?.find(({ name }) => name === 'key-files'))
    const { allowed_files } = loadConfig({ path: `${base}/config.example.yaml`, env: {}, flags: {} }).secrets
    expect(allowed_files).toEqual([files.mountPath])
    expect(pod.volumes?.find(({ name }) => name === 'key-files')?.secret).toMatchObject({ optional: true })
  })

  test('has the gateway listen on the port of the container, on all addresses', () => {
    const config = loadConfig({ path: `${base}/config.example.yaml`, env, flags: {} })
    expect(config.server.host).toBe('0.0.0.0')
    expect(container.ports?.map(({ containerPort }) => containerPort)).toEqual([config.server.port])
    expect(config.data_dir).toBe('/var/lib/switchyard')
  })

  test('keeps the variables of the service away from the settings', () => {
    expect(pod.enableServiceLinks).toBe(false)
    const links = { SWITCHYARD_PORT: 'tcp://10.0.0.1:80' }
    expect(() => loadConfig({ env: links, flags: {} })).toThrow('SWITCHYARD_PORT')
  })
})

describe.each(sets('base', 'small'))('%s', (_, read) => {
  test('has one replica, since its store is a file of its own', () => {
    const { set, secrets } = kustomize.workload(read())
    expect(set.replicas).toBe(1)
    expect(secrets).not.toHaveProperty(databaseVariable)
    expect(read().map(({ kind }) => kind)).not.toContain('HorizontalPodAutoscaler')
  })
})

describe('production', () => {
  test('leaves the number of replicas to the autoscaler, of which there are at least three', () => {
    const scaler = present(only('autoscaling/v2/HorizontalPodAutoscaler', kustomize.listed(production)).spec)
    expect(scaler.scaleTargetRef).toEqual({ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'switchyard' })
    expect(scaler.minReplicas).toBeGreaterThanOrEqual(3)
    expect(scaler.maxReplicas).toBeGreaterThan(present(scaler.minReplicas))
  })

  test.runIf(kustomize.hasKubectl)('keeps everything in the database, and has a way to it', () => {
    const documents = kustomize.rendered(production)
    const { set, secrets } = kustomize.workload(documents)
    expect(set).not.toHaveProperty('replicas')
    expect(secrets[databaseVariable]).toBe('switchyard-secrets/database-url')
    const egress = present(only('networking.k8s.io/v1/NetworkPolicy', documents).spec?.egress)
    expect(egress.at(-1)).toMatchObject({ ports: [{ port: 5432, protocol: 'TCP' }] })
    expect(egress.at(-1)?.to).toHaveLength(1)
  })

  test.runIf(kustomize.hasKubectl).each([
    ['small', small],
    ['production', production],
    ['migrate', migrate],
  ])('%s is rendered under its own name and place', (_name, folder) => {
    const documents = kustomize.rendered(folder)
    const [image] = kustomize.kustomization(folder).images
    const { container } = folder === migrate ? migration(documents) : kustomize.workload(documents)
    expect(container.image).toBe(`${image?.newName}:${image?.newTag}`)
    expect(new Set(documents.map(({ metadata }) => metadata['namespace']))).toEqual(new Set(['switchyard']))
    for (const { metadata } of kustomize.listed(base)) expect(metadata).not.toHaveProperty('namespace')
  })
})

/** What the job runs. */
function migration(documents: readonly kustomize.Document[]) {
  const job = present(only('batch/v1/Job', documents).spec)
  return { job, ...podOf(job.template) }
}

describe('the job that comes before a new version', () => {
  const { job, container, pod, secrets } = migration(kustomize.listed(migrate))

  test('migrates the database of production with the image of production', () => {
    expect(container.args).toEqual(['migrate'])
    expect(secrets).toEqual({ [databaseVariable]: 'switchyard-secrets/database-url' })
    expect(kustomize.kustomization(migrate).images).toEqual(kustomize.kustomization(production).images)
    expect(container.image).toBe(kustomize.workload(kustomize.listed(base)).container.image)
    const { stdout } = spawnSync(process.execPath, ['src/main.ts', '--help'], { cwd: top, encoding: 'utf8' })
    expect(stdout).toMatch(/^ +migrate /m)
  })

  test('is over some time', () => {
    expect(job.backoffLimit).toBeGreaterThan(0)
    expect(job.activeDeadlineSeconds).toBeGreaterThan(0)
    expect(pod.restartPolicy).toBe('Never')
  })
})

describe('the kustomizations', () => {
  const files = Object.values(folders).map((folder) => ({ folder, written: kustomize.kustomization(folder) }))

  test('list resources that exist, and forget none', () => {
    for (const { folder, written } of files) {
      for (const entry of written.resources) expect(existsSync(join(folder, entry)), entry).toBe(true)
      const generated = written.configMapGenerator.flatMap(({ files: made }) => made.map((file) => file.split('=')[1]))
      for (const file of generated) expect(existsSync(join(folder, present(file)))).toBe(true)
      const besides = ['kustomization.yaml', 'config.example.yaml', 'migrate']
      const known = new Set([...written.resources, ...generated, ...besides])
      const others = readdirSync(folder).filter((name) => !known.has(name))
      expect(others).toEqual([])
    }
  })

  test('name the image of every container, the base with the version of the package', () => {
    const { version } = z.object({ version: z.string() }).parse(parse(readFileSync(`${top}/package.json`, 'utf8')))
    const { image } = kustomize.workload(kustomize.listed(base)).container
    for (const { written } of files) {
      expect(written.images.map(({ name }) => name)).toEqual([image])
      expect(written.images.map(({ newTag }) => newTag)).toEqual([version])
    }
  })

  test('patch documents that are there, at paths that are there', () => {
    const operations = z.array(
      z.strictObject({ op: z.enum(['remove', 'replace', 'add']), path: z.string(), value: z.unknown().optional() }),
    )
    for (const { folder, written } of files) {
      for (const { target, patch } of written.patches) {
        const found = kustomize
          .listed(folder)
          .filter(({ kind, metadata }) => kind === target.kind && metadata.name === target.name)
        expect(found).toHaveLength(1)
        // What is added is added to a list that is there.
        for (const { path } of operations.parse(parse(patch)))
          expect(found[0]).toHaveProperty(path.replace(/\/-$/, '').split('/').slice(1))
      }
    }
  })
})

/** Whether a rule of the network policy covers an address. A network of one family says nothing of the other. */
function covers(networks: readonly string[], address: string): boolean {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  for (const [start = '', bits] of networks.map((network) => network.split('/'))) {
    if (isIPv6(start) === isIPv6(address)) list.addSubnet(start, Number(bits), family)
  }
  return list.check(address, family)
}

describe('the network policy', () => {
  const egress = present(only('networking.k8s.io/v1/NetworkPolicy', kustomize.listed(base)).spec?.egress)
  const [names, providers] = egress
  const blocks = present(providers?.to).map(({ ipBlock }) => present(ipBlock))
  const isOpen = (address: string) =>
    blocks.some(({ cidr, except = [] }) => covers([cidr], address) && !covers(except, address))

  test.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111'])('lets HTTPS out to %s', (address) => {
    expect(isOpen(address)).toBe(true)
    expect(providers?.ports).toEqual([{ port: 443, protocol: 'TCP' }])
  })

  const within = ['10.96.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '127.0.0.1', '100.100.100.200']
  const linkLocal = ['169.254.169.254', 'fd00:ec2::254', 'fe80::1', 'ff02::1']
  test.each([...within, ...linkLocal])('keeps the gateway from %s', (address) => {
    expect(isOpen(address)).toBe(false)
  })

  test('lets nothing else out but questions to the resolver', () => {
    expect(egress).toHaveLength(2)
    expect(names?.ports?.map(({ port }) => port)).toEqual([53, 53])
    expect(names?.to).toHaveLength(2)
  })
})

/** The documents as literals of their types. */
function literals(documents: readonly kustomize.Document[]): string {
  const lines = documents.map((document, index) => {
    const path = kustomize.kindOf(document)
    const source = path.startsWith('monitoring') ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models'
    const type = `import('${top}/node_modules/${source}/${path}.js').I${document.kind}`
    return `export const d${index}: ${type} = ${JSON.stringify(document)}`
  })
  return lines.join('\n')
}

/** What TypeScript has against a source text; empty when nothing. */
function complaints(source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'manifests-'))
  try {
    const file = join(folder, 'documents.ts')
    writeFileSync(file, source)
    const options = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', '']
    const tsc = join(top, 'node_modules/typescript/bin/tsc')
    const { stdout, stderr } = spawnSync(process.execPath, [tsc, ...options, file], { cwd: folder, encoding: 'utf8' })
    return stdout + stderr
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Validation passes fields that it does not know; the types do not. */
describe('a field that the API does not have', () => {
  test('is in no document', () => {
    const overlays = kustomize.hasKubectl ? [small, production, migrate].flatMap(kustomize.rendered) : []
    const written = [base, production, migrate].flatMap(kustomize.listed)
    expect(complaints(literals([...written, ...overlays]))).toBe('')
  })

  test('would be found', () => {
    const misspelt = literals(kustomize.listed(base)).replace('"runAsNonRoot":', '"runAsNonroot":')
    expect(complaints(misspelt)).toMatch(/documents\.ts.*runAsNonroot/)
  })
})

describe('the configuration examples', () => {
  test.each(['kubernetes/base/config.example.yaml', 'compose.config.yaml'])(
    '%s is accepted, and lets nobody in who has no key of the store',
    (name) => {
      const { keys } = loadConfig({ path: join(top, 'deploy', name), env: {}, flags: {} })
      expect(keys).toEqual([])
    },
  )
})
