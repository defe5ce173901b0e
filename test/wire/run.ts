import { type Bed, openBed, type PlannedProbe } from './bed.ts'
import { type LoadedPlugins, loadPlugins } from '../../src/provider/load.ts'
import type { WireCase } from './case.ts'
import { probesOf } from './checks/index.ts'
import type { CheckName, Probe } from './checks/probe.ts'
import { isChecked } from './endpoints/index.ts'
import { excused } from './excused.ts'

/** How one check of one case went. */
export interface Result {
  /** `api/name`. */
  readonly case: string
  readonly api: string
  readonly check: CheckName
  /** What is wrong; empty when the check passed. */
  readonly why: readonly string[]
}

/** How a run went. */
export interface Report {
  /** What counts: every check of every case that is not excused. */
  readonly results: readonly Result[]
  /** Excused checks that did fail. */
  readonly excused: readonly Result[]
  /** Cases of wire formats and endpoints without a check: a number for each folder. */
  readonly skipped: ReadonlyMap<string, number>
}

/** Cases that share a gateway. A provider is made for each of their probes, so a gateway has a few hundred. */
const casesPerGateway = 40
/** Probes in flight at once. */
const probesAtOnce = 8

/** Runs every check of every case through a running gateway. */
export async function runCases(cases: readonly WireCase[]): Promise<Report> {
  const plugins = await loadPlugins({
    builtIn: new URL('../../plugins/', import.meta.url),
    named: [],
    baseDir: import.meta.dirname,
  })
  const checked = cases.filter(isChecked)
  const results: Result[] = []
  for (let start = 0; start < checked.length; start += casesPerGateway) {
    results.push(...(await runTogether(checked.slice(start, start + casesPerGateway), plugins)))
  }
  return {
    results: results.filter((result) => !isExcused(result)),
    excused: results.filter((result) => isExcused(result) && result.why.length > 0),
    skipped: countByApi(cases.filter((wireCase) => !isChecked(wireCase))),
  }
}

function isExcused(result: Result): boolean {
  return excused.some((excuse) => excuse.case === result.case && excuse.check === result.check)
}

function countByApi(cases: readonly WireCase[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { api } of cases) counts.set(api, (counts.get(api) ?? 0) + 1)
  return counts
}

async function runTogether(cases: readonly WireCase[], plugins: LoadedPlugins): Promise<Result[]> {
  const planned: PlannedProbe[] = []
  for (const wireCase of cases) {
    for (const probe of await plan(wireCase)) planned.push({ wireCase, probe })
  }
  const bed = await openBed(planned, plugins)
  try {
    return byCheck(planned, await runAll(planned, bed))
  } finally {
    await bed.close()
  }
}

/** The probes of a case; for one that cannot be read, a probe that says so. */
async function plan(wireCase: WireCase): Promise<readonly Probe[]> {
  try {
    return await probesOf(wireCase)
  } catch (thrown) {
    const why = [`the case cannot be read: ${String(thrown)}`]
    return [{ check: 'openai', label: '', pieces: [], run: () => Promise.resolve(why) }]
  }
}

/** What is wrong by each probe, in their order. */
async function runAll(planned: readonly PlannedProbe[], bed: Bed): Promise<(readonly string[])[]> {
  const found: (readonly string[])[] = planned.map(() => [])
  const queue = planned.entries()
  const work = async (): Promise<void> => {
    for (const [at, { probe }] of queue) {
      const line = bed.lines[at]
      if (line !== undefined) found[at] = await outcome(() => probe.run(line))
    }
  }
  await Promise.all(Array.from({ length: probesAtOnce }, work))
  return found
}

/** What a probe says is wrong, or what it threw. */
async function outcome(run: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await run()
  } catch (thrown) {
    return [`threw ${thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)}`]
  }
}

/** The probes of one check of one case as one result. */
function byCheck(planned: readonly PlannedProbe[], found: readonly (readonly string[])[]): Result[] {
  const results = new Map<string, Result>()
  for (const [at, { wireCase, probe }] of planned.entries()) {
    const key = `${wireCase.id} ${probe.check}`
    const why = (found[at] ?? []).map((line) => (probe.label === '' ? line : `${probe.label}: ${line}`))
    const before = results.get(key)?.why ?? []
    results.set(key, { case: wireCase.id, api: wireCase.api, check: probe.check, why: [...before, ...why] })
  }
  return [...results.values()]
}
