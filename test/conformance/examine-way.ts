import simulator from '../../plugins/simulator/index.ts'
import type { DrillAfter, Drills, Scorecard, Subject } from '../../src/conformance/contract.ts'
import { findDrills } from '../../src/conformance/drills.ts'
import { checks, examine } from '../../src/conformance/examine.ts'
import { noEgress, silent } from './exchange.ts'
import { fakeUpstream } from './upstream.ts'
import { open, surroundingsOf, type Way } from './ways.ts'

/** Milliseconds that one check may take. */
const limitMs = 20_000

/** Lets the kit examine a plugin in one of its formats, in front of an upstream of that format that is played by the simulator. */
export async function examineWay(way: Way): Promise<Scorecard> {
  const host = { name: 'simulator', egress: noEgress, log: silent }
  const answering = await simulator.create({ baseUrl: '', own: {} }, host)
  const upstream = fakeUpstream(answering, way.prefix)
  const subject: Subject = {
    name: way.plugin.manifest.type,
    kind: 'plugin',
    provider: await open(way, upstream.egress),
    model: `${way.prefix}echo`,
    surroundings: surroundingsOf(upstream.egress),
    running: upstream.running,
    [Symbol.asyncDispose]: async () => {},
  }
  const drills = await findDrills({ ...subject, provider: answering, model: 'echo' }, AbortSignal.timeout(limitMs))
  return examine(subject, limitMs, checks, behind(way.prefix, drills))
}

/** The models that misbehave on purpose, by the names they have behind a prefix. */
function behind(prefix: string, drills: Drills): Drills {
  const { hang, hangAfter, cutAfter, errorAfter, parallelCalls, statuses } = drills
  const after = (drill: DrillAfter | undefined): DrillAfter | undefined =>
    drill && { ...drill, model: prefix + drill.model }
  const named = {
    hang: hang && prefix + hang,
    parallelCalls: parallelCalls && prefix + parallelCalls,
    hangAfter: after(hangAfter),
    cutAfter: after(cutAfter),
    errorAfter: after(errorAfter),
  }
  const known = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))
  return { ...known, statuses: statuses.map(({ status, model }) => ({ status, model: prefix + model })) }
}
