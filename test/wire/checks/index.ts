import type { WireCase } from '../case.ts'
import { formatOf } from '../format.ts'
import { isStreaming, judge } from '../reading.ts'
import { canonicalProbes, grpcProbes } from './canonical.ts'
import { dialectProbes } from './dialects.ts'
import { errorProbes } from './error.ts'
import { nativeProbes } from './native.ts'
import { openaiProbes, requestProbes } from './openai.ts'
import type { Probe, Subject } from './probe.ts'

/** Everything the gateway is asked about one case. */
export async function probesOf(wireCase: WireCase): Promise<Probe[]> {
  const format = formatOf(wireCase)
  if (format !== undefined && format !== 'completions') return nativeProbes(wireCase, format)
  const subject: Subject = { wireCase, verdict: await judge(wireCase), streaming: isStreaming(wireCase) }
  return [openaiProbes, canonicalProbes, dialectProbes, grpcProbes, requestProbes, errorProbes].flatMap((probes) =>
    probes(subject),
  )
}
