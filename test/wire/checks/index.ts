import type { WireCase } from '../case.ts'
import { endpointOf } from '../endpoints/index.ts'
import { countFormatOf, formatOf } from '../format.ts'
import { isStreaming, judge } from '../reading.ts'
import { canonicalProbes, grpcProbes } from './canonical.ts'
import { countProbes } from './count.ts'
import { endpointProbes } from './endpoint.ts'
import { dialectProbes } from './dialects.ts'
import { errorProbes } from './error.ts'
import { nativeProbes } from './native.ts'
import { openaiProbes, requestProbes } from './openai.ts'
import { translatedProbes } from './translated.ts'
import type { Probe, Subject } from './probe.ts'

/** Everything the gateway is asked about one case. */
export async function probesOf(wireCase: WireCase): Promise<Probe[]> {
  const counted = countFormatOf(wireCase)
  if (counted !== undefined) return countProbes(wireCase, counted)
  const endpoint = endpointOf(wireCase)
  if (endpoint !== undefined) return endpointProbes(wireCase, endpoint)
  const format = formatOf(wireCase)
  if (format !== undefined && format !== 'completions') return nativeProbes(wireCase, format)
  const subject: Subject = { wireCase, verdict: await judge(wireCase), streaming: isStreaming(wireCase) }
  const probes = [openaiProbes, canonicalProbes, dialectProbes, grpcProbes, requestProbes, errorProbes].flatMap(
    (some) => some(subject),
  )
  return [...probes, ...translatedProbes(wireCase, subject.streaming, subject.verdict.kind === 'answer')]
}
