import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule'
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler'
import { Job } from 'kubernetes-models/batch/v1/Job'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap'
import { Service } from 'kubernetes-models/v1/Service'
import type { IPodSpec as PodSpec } from 'kubernetes-models/v1/PodSpec'
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'

/** The top of the repository. */
export const top = join(import.meta.dirname, '../..')
/** The folder of the kustomize base. */
export const base = join(top, 'deploy/kubernetes/base')
/** The folder of the overlay with one replica on SQLite. */
export const small = join(top, 'deploy/kubernetes/overlays/small')
/** The folder of the overlay with many replicas on PostgreSQL. */
export const production = join(top, 'deploy/kubernetes/overlays/production')
/** The folder of the job that comes before a new version. */
export const migrate = join(production, 'migrate')

/** The kinds that are deployed, each under the path that its package has it at. */
export const kinds = {
  'v1/ConfigMap': ConfigMap,
  'v1/Service': Service,
  'v1/ServiceAccount': ServiceAccount,
  'apps/v1/StatefulSet': StatefulSet,
  'batch/v1/Job': Job,
  'autoscaling/v2/HorizontalPodAutoscaler': HorizontalPodAutoscaler,
  'policy/v1/PodDisruptionBudget': PodDisruptionBudget,
  'networking.k8s.io/v1/NetworkPolicy': NetworkPolicy,
  'monitoring.coreos.com/v1/PrometheusRule': PrometheusRule,
  'monitoring.coreos.com/v1/ServiceMonitor': ServiceMonitor,
}

/** A kind that is deployed. */
export type Kind = keyof typeof kinds

/** All of {@link kinds} by name. */
export const kindNames = Object.keys(kinds) as Kind[]

const documentSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), labels: z.record(z.string(), z.string()) }),
})

/** One document of a manifest, before its own schema has seen it. */
export type Document = z.infer<typeof documentSchema>

const kustomizationSchema = z.strictObject({
  apiVersion: z.literal('kustomize.config.k8s.io/v1beta1'),
  kind: z.literal('Kustomization'),
  namespace: z.string().optional(),
  resources: z.array(z.string()),
  configMapGenerator: z
    .array(
      z.strictObject({
        name: z.string(),
        files: z.array(z.string()),
        options: z.strictObject({
          disableNameSuffixHash: z.literal(true),
          labels: z.record(z.string(), z.string()),
        }),
      }),
    )
    .default([]),
  images: z.array(z.strictObject({ name: z.string(), newName: z.string().optional(), newTag: z.string() })),
  patches: z
    .array(z.strictObject({ target: z.strictObject({ kind: z.string(), name: z.string() }), patch: z.string() }))
    .default([]),
})

/** The `kustomization.yaml` of a folder. Throws when it has a field that is not used here. */
export function kustomization(folder: string): z.infer<typeof kustomizationSchema> {
  return kustomizationSchema.parse(parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')))
}

function documentsIn(text: string): Document[] {
  return parseAllDocuments(text).map((document) => {
    const [fault] = document.errors
    if (fault !== undefined) throw fault
    return documentSchema.parse(document.toJS())
  })
}

/** What a kustomization lists, as it is written: without its patches, namespace and image names. */
export function listed(folder: string): Document[] {
  return kustomization(folder).resources.flatMap((entry) => {
    const path = join(folder, entry)
    return statSync(path).isDirectory() ? listed(path) : documentsIn(readFileSync(path, 'utf8'))
  })
}

/** What `kubectl` makes of a kustomization. */
export function rendered(folder: string): Document[] {
  return documentsIn(execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8' }))
}

/** Whether there is a `kubectl` to render with. It needs no cluster for that. */
export const hasKubectl = spawnSync('kubectl', ['kustomize', '--help']).status === 0

/** The kind of a document. Throws when it is not one of {@link kinds}. */
export function kindOf({ apiVersion, kind }: Document): Kind {
  const name = kindNames.find((known) => known === `${apiVersion}/${kind}`)
  if (name === undefined) throw new Error(`no schema here for ${apiVersion}/${kind}`)
  return name
}

/** Throws when the schema of the document's kind does not take it. Fields that the schema does not know pass. */
export function validate(document: Document): void {
  const { apiVersion: _, kind: __, ...data } = document
  new kinds[kindOf(document)](data as never).validate()
}

/** The only document of a kind, or of those of a kind the one of that name. */
export function only<Name extends Kind>(
  kind: Name,
  documents: readonly Document[],
  name?: string,
): InstanceType<(typeof kinds)[Name]> {
  const [found, ...more] = documents.filter(
    (document) => kindOf(document) === kind && (name === undefined || document.metadata.name === name),
  )
  if (found === undefined || more.length > 0) throw new Error(`there must be exactly one ${kind} ${name ?? ''}`)
  return found as unknown as InstanceType<(typeof kinds)[Name]>
}

/** The value of a field that may be absent by its type and must not be. */
export function present<Value>(value: Value | undefined | null): Value {
  if (value === undefined || value === null) throw new Error('a field that must be there is missing')
  return value
}

/** What a pod runs and with what: its one container, its environment by value, and by the secret that has the value. */
export function podOf({ spec }: { readonly spec?: PodSpec | undefined }) {
  const pod = present(spec)
  const [container, ...more] = pod.containers
  if (container === undefined || more.length > 0) throw new Error('there must be exactly one container')
  const env: Record<string, string> = {}
  const secrets: Record<string, string> = {}
  for (const { name, value, valueFrom } of present(container.env)) {
    const from = valueFrom?.secretKeyRef
    if (from === undefined) env[name] = present(value)
    else secrets[name] = `${from.name}/${from.key}${from.optional === true ? '?' : ''}`
  }
  return { pod, container, env, secrets }
}

/** The StatefulSet, and what its pods run. */
export function workload(documents: readonly Document[]) {
  const set = only('apps/v1/StatefulSet', documents)
  return { set: present(set.spec), ...podOf(present(set.spec).template) }
}
