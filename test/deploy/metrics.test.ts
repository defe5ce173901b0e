import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parser } from '@prometheus-io/lezer-promql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { reasons } from '../../src/error/index.ts'
import { type FaultyGateway, openGateway } from '../faults/gateway.ts'
import { well } from '../faults/upstream.ts'
import { base, listed, only, present } from './kustomize.ts'

/** Labels that the scrape gives to every series. */
const ofTheScrape = ['job', 'instance', 'namespace', 'pod', 'container', 'service', 'endpoint']

/** What is not the gateway's own, with its labels. */
const foreign = {
  up: [],
  kubelet_volume_stats_available_bytes: ['persistentvolumeclaim'],
  kubelet_volume_stats_capacity_bytes: ['persistentvolumeclaim'],
} as const satisfies Record<string, readonly string[]>

const rules = present(only('monitoring.coreos.com/v1/PrometheusRule', listed(base)).spec.groups).flatMap((group) =>
  present(group.rules),
)

const dashboardSchema = z.object({
  templating: z.object({ list: z.array(z.looseObject({ name: z.string(), definition: z.string().optional() })) }),
  panels: z.array(
    z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })).default([]), id: z.number() }),
  ),
})
const dashboard = dashboardSchema.parse(JSON.parse(readFileSync(join(base, 'dashboard.json'), 'utf8')))

/** An expression as Prometheus gets it, once the dashboard's own words are replaced. */
const plain = (expr: string): string => expr.replaceAll('$__rate_interval', '5m')

const expressions: readonly (readonly [string, string])[] = [
  ...rules.map(({ alert, expr }) => [`alert ${alert}`, String(expr)] as const),
  ...dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => [`panel ${title}: ${expr.slice(0, 20)}`, plain(expr)] as const),
  ),
]

interface Question {
  readonly faults: number
  readonly metrics: readonly string[]
  /** Labels that are compared or grouped by. */
  readonly labels: readonly string[]
}

/** What an expression asks for. */
function read(expr: string): Question {
  const metrics: string[] = []
  const labels: string[] = []
  let faults = 0
  parser.parse(expr).iterate({
    enter({ type, from, to, node }) {
      if (type.isError) faults++
      const text = expr.slice(from, to)
      if (type.name === 'LabelName') labels.push(text)
      if (type.name === 'Identifier' && node.parent?.name === 'VectorSelector') metrics.push(text)
    },
  })
  return { faults, metrics, labels }
}

/** Every metric of an exposition with the labels that its series have; parts of histograms under their own names. */
function series(text: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const line of text.split('\n')) {
    const [, declared, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    const parts = type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    if (declared !== undefined) for (const part of parts) found.set(declared + part, new Set())
    const [, name = '', labels = ''] = /^([a-z_]+)\{(.*)\} /.exec(line) ?? []
    for (const [, label = ''] of labels.matchAll(/([a-z_]+)="/g)) found.get(name)?.add(label)
  }
  return found
}

let gateway: FaultyGateway
let known: Map<string, Set<string>>
beforeAll(async () => {
  gateway = await openGateway()
  gateway.upstream.answer('gpt-4o', well)
  for (const model of ['up/gpt-4o', 'simulator/echo', 'simulator/status-503', 'nobody/knows']) {
    const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] })
    const headers = { 'content-type': 'application/json' }
    await (await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body })).text()
  }
  known = series(await gateway.metrics())
  for (const [name, labels] of Object.entries(foreign)) known.set(name, new Set(labels))
})
afterAll(() => gateway[Symbol.asyncDispose]())

describe('what alerts and the dashboard ask for', () => {
  test.each(expressions)('%s is there', (_name, expr) => {
    const { faults, metrics, labels } = read(expr)
    expect(faults).toBe(0)
    expect(metrics.length).toBeGreaterThan(0)
    for (const metric of metrics) expect([...known.keys()]).toContain(metric)
    const allowed = new Set([...ofTheScrape, ...metrics.flatMap((metric) => [...(known.get(metric) ?? [])])])
    for (const label of labels) expect([...allowed]).toContain(label)
  })

  test('would be missed', () => {
    expect(read('sum(rate(a[5m])').faults).toBeGreaterThan(0)
    expect(read('sum by (b) (rate(a{c="d"}[5m]))')).toEqual({ faults: 0, metrics: ['a'], labels: ['b', 'c'] })
    expect([...known.keys()]).not.toContain('switchyard_calls_total')
    expect(known.get('switchyard_requests_total')).toContain('status')
  })
})

describe('the alerts', () => {
  test('have names of their own, a severity, and say what is the matter', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
    for (const { labels, annotations } of rules) {
      expect(['critical', 'warning', 'info']).toContain(labels?.['severity'])
      expect(annotations?.['summary']).toMatch(/\.$/)
    }
  })

  test('count failures by reasons that there are', () => {
    const [, pattern = ''] = /reason=~"([^"]+)"/.exec(JSON.stringify(rules).replaceAll('\\"', '"')) ?? []
    expect(pattern).not.toBe('')
    for (const word of pattern.split('|'))
      expect(Object.keys(reasons).filter((reason) => new RegExp(`^(?:${word})$`).test(reason)).length).toBeGreaterThan(
        0,
      )
  })
})

test('a store that answers is up, and the spool has the room that is configured', async () => {
  const text = await gateway.metrics()
  expect(text).toContain('\nswitchyard_store_up 1\n')
  expect(text).toContain('\nswitchyard_ledger_spool_limit_bytes 1073741824\n')
})

test('the dashboard shows every metric of the gateway’s own', () => {
  const shown = expressions.flatMap(([name, expr]) => (name.startsWith('panel') ? read(expr).metrics : []))
  const own = [...known.keys()].filter((name) => name.startsWith('switchyard_') && !/_(sum|count)$/.test(name))
  expect(own.length).toBeGreaterThan(8)
  for (const name of own) expect(shown).toContain(name)
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
})
