import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { BlockList, isIPv6 } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { loadConfig } from '../../src/config/load.ts'
import * as kustomize from './kustomize.ts'
import { base, only, present, production, top } from './kustomize.ts'

const labels = { 'app.kubernetes.io/name': 'switchyard', 'app.kubernetes.io/component': 'gateway' }

/** Where `kubectl` is at hand, what it makes of the files is put to the same tests as the files. */
const sets: readonly (readonly [string, () => kustomize.Document[]])[] = [
  ['the base as written', () => kustomize.listed(base)],
  ['production as written', () => kustomize.listed(production)],
  ...(kustomize.hasKubectl ? [['the base as rendered', () => kustomize.rendered(base)] as const] : []),
  ...(kustomize.hasKubectl ? [['production as rendered', () => kustomize.rendered(production)] as const] : []),
]

describe.each(sets)('%s', (_, read) => {
  const documents = read()
  const { deployment, pod, container, env } = kustomize.workload(documents)
  const service = present(only('v1/Service', documents).spec)
  const portNames = present(container.ports).map(({ name }) => name)

  test('has one valid document of every kind', () => {
    expect(documents.map(kustomize.kindOf).toSorted()).toEqual(kustomize.kindNames.toSorted())
    for (const document of documents) expect(() => kustomize.validate(document), document.kind).not.toThrow()
  })

  test('names and labels everything alike', () => {
    for (const { metadata } of documents) expect(metadata).toMatchObject({ name: 'switchyard', labels })
    expect(deployment.spec?.template.metadata?.labels).toMatchObject(labels)
  })

  test('selects the pods of the Deployment wherever pods are selected', () => {
    expect(deployment.spec?.selector.matchLabels).toEqual(labels)
    expect(service.selector).toEqual(labels)
    expect(only('policy/v1/PodDisruptionBudget', documents).spec?.selector?.matchLabels).toEqual(labels)
    expect(only('networking.k8s.io/v1/NetworkPolicy', documents).spec?.podSelector?.matchLabels).toEqual(labels)
    for (const spread of present(pod.topologySpreadConstraints)) {
      expect(spread.labelSelector?.matchLabels).toEqual(labels)
    }
  })

  test('probes the health paths on a port that the container has', () => {
    const probes = [container.startupProbe, container.readinessProbe, container.livenessProbe]
    expect(probes.map((probe) => probe?.httpGet?.path)).toEqual(['/readyz', '/readyz', '/livez'])
    for (const probe of probes) expect(portNames).toContain(probe?.httpGet?.port)
  })

  test('leads from service, monitor and network policy to the port of the container', () => {
    const [port] = present(service.ports)
    expect(portNames).toContain(port?.targetPort)
    expect(port?.appProtocol).toBe('kubernetes.io/h2c')

    const monitor = present(only('monitoring.coreos.com/v1/ServiceMonitor', documents).spec)
    expect(only('v1/Service', documents).metadata?.labels).toMatchObject(present(monitor.selector.matchLabels))
    expect(monitor.endpoints.map((endpoint) => endpoint.port)).toEqual([port?.name])

    const ingress = present(only('networking.k8s.io/v1/NetworkPolicy', documents).spec?.ingress)
    expect(ingress.flatMap((rule) => rule.ports?.map((allowed) => allowed.port))).toEqual(portNames)
  })

  test('scales the Deployment, and never takes two pods away at once', () => {
    const scaler = present(only('autoscaling/v2/HorizontalPodAutoscaler', documents).spec)
    const name = deployment.metadata?.name
    expect(scaler.scaleTargetRef).toEqual({ apiVersion: 'apps/v1', kind: 'Deployment', name })
    expect(scaler.minReplicas).toBeGreaterThanOrEqual(2)
    expect(scaler.maxReplicas).toBeGreaterThan(present(scaler.minReplicas))
    expect(only('policy/v1/PodDisruptionBudget', documents).spec?.maxUnavailable).toBe(1)
    expect(deployment.spec?.strategy).toMatchObject({ type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } })
  })

  test('leaves the drain its time between the preStop sleep and the kill', () => {
    const { drain_seconds } = loadConfig({ path: `${base}/config.example.yaml`, env: {}, flags: {} }).server
    const sleep = present(container.lifecycle?.preStop?.sleep?.seconds)
    expect(sleep).toBeGreaterThan(0)
    expect(drain_seconds).toBe(loadConfig({ env: {}, flags: {} }).server.drain_seconds)
    expect(drain_seconds).toBeLessThan(present(pod.terminationGracePeriodSeconds) - sleep)
  })

  test('runs with as few rights as there are', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    expect(pod.securityContext?.runAsUser).toBeGreaterThan(0)
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    const account = only('v1/ServiceAccount', documents)
    expect(pod.serviceAccountName).toBe(account.metadata?.name)
    expect([pod.automountServiceAccountToken, account.automountServiceAccountToken]).toEqual([false, false])
  })

  test('does not start without its two secrets, and ships neither', () => {
    const config = pod.volumes?.find(({ name }) => name === 'config')
    expect(config?.secret).toMatchObject({ secretName: 'switchyard-config', optional: false, defaultMode: 0o440 })
    expect(container.envFrom).toEqual([{ secretRef: { name: 'switchyard-provider-keys' } }])
    expect(container.env?.every(({ valueFrom }) => valueFrom === undefined)).toBe(true)
  })

  test('mounts the configuration where the environment says, and scratch space to write on', () => {
    const volumes = present(pod.volumes)
    const mounts = present(container.volumeMounts)
    expect(mounts.map(({ name }) => name).toSorted()).toEqual(volumes.map(({ name }) => name).toSorted())

    const config = present(mounts.find(({ name }) => name === 'config'))
    const items = present(volumes.find(({ name }) => name === 'config')?.secret?.items)
    expect(items.map(({ path }) => `${config.mountPath}/${path}`)).toEqual([env['SWITCHYARD_CONFIG']])

    const writable = mounts.filter(({ readOnly }) => readOnly !== true)
    expect(writable.map(({ mountPath }) => mountPath)).toEqual([env['SWITCHYARD_DATA_DIR'], '/tmp'])
    for (const { name } of writable) expect(volumes.find((volume) => volume.name === name)?.emptyDir).toBeDefined()
  })

  test('has the gateway listen on the port of the container, on all addresses, with a key to ask for', () => {
    const config = loadConfig({ path: `${base}/config.example.yaml`, env, flags: {} })
    expect(config.server.host).toBe('0.0.0.0')
    expect(container.ports?.map(({ containerPort }) => containerPort)).toEqual([config.server.port])
    expect(config.data_dir).toBe('/var/lib/switchyard')
    expect(config.keys.length).toBeGreaterThan(0)
  })

  test('keeps the variables of the service away from the settings', () => {
    expect(pod.enableServiceLinks).toBe(false)
    const links = { SWITCHYARD_PORT: 'tcp://10.0.0.1:80' }
    expect(() => loadConfig({ env: links, flags: {} })).toThrow('SWITCHYARD_PORT')
  })
})

describe('the kustomizations', () => {
  const files = [base, production].map((folder) => ({ folder, written: kustomize.kustomization(folder) }))

  test('list resources that exist, and forget none', () => {
    for (const { folder, written } of files) {
      for (const entry of written.resources) expect(existsSync(join(folder, entry)), entry).toBe(true)
      const known = new Set([...written.resources, 'kustomization.yaml', 'config.example.yaml'])
      const others = readdirSync(folder).filter((name) => !known.has(name))
      expect(others).toEqual([])
    }
  })

  test('name the image of every container, the base with the version of the package', () => {
    const { version } = z.object({ version: z.string() }).parse(parse(readFileSync(`${top}/package.json`, 'utf8')))
    const { image } = kustomize.workload(kustomize.listed(base)).container
    for (const { written } of files) expect(written.images.map(({ name }) => name)).toEqual([image])
    expect(kustomize.kustomization(base).images).toEqual([{ name: image, newTag: version }])
  })

  test('patch documents that are there, at paths that are there', () => {
    const operations = z.array(
      z.strictObject({ op: z.enum(['remove', 'replace']), path: z.string(), value: z.unknown().optional() }),
    )
    for (const { folder, written } of files) {
      for (const { target, patch } of written.patches) {
        const found = kustomize
          .listed(folder)
          .filter(({ kind, metadata }) => kind === target.kind && metadata.name === target.name)
        expect(found).toHaveLength(1)
        for (const { path } of operations.parse(parse(patch))) expect(found[0]).toHaveProperty(path.split('/').slice(1))
      }
    }
  })

  test.runIf(kustomize.hasKubectl)('render production under its own name, number and place', () => {
    const documents = kustomize.rendered(production)
    const [image] = kustomize.kustomization(production).images
    const { deployment, container } = kustomize.workload(documents)
    expect(container.image).toBe(`${image?.newName}:${image?.newTag}`)
    expect(deployment.spec).not.toHaveProperty('replicas')
    expect(new Set(documents.map(({ metadata }) => metadata['namespace']))).toEqual(new Set(['switchyard']))
    for (const { metadata } of kustomize.listed(base)) expect(metadata).not.toHaveProperty('namespace')
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
    const overlay = kustomize.hasKubectl ? kustomize.rendered(production) : []
    expect(complaints(literals([...kustomize.listed(base), ...overlay]))).toBe('')
  })

  test('would be found', () => {
    const misspelt = literals(kustomize.listed(base)).replace('"runAsNonRoot":', '"runAsNonroot":')
    expect(complaints(misspelt)).toMatch(/documents\.ts.*runAsNonroot/)
  })
})

describe('the configuration examples', () => {
  test.each(['kubernetes/base/config.example.yaml', 'compose.config.yaml'])(
    '%s is accepted, and lets nobody in',
    (name) => {
      const { keys } = loadConfig({ path: join(top, 'deploy', name), env: {}, flags: {} })
      expect(keys.map(({ hash }) => hash)).toEqual([`sha256:${'0'.repeat(64)}`])
    },
  )
})
