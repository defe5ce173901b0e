import { parseOrText, streamValues, type WireCase } from '../case.ts'
import { firstDifference } from '../compare.ts'
import { isNativeStream, type NativeFormat } from '../format.ts'
import { requestOf } from '../halves.ts'
import { judgeNative } from '../native.ts'
import { readAnthropic } from '../readers/anthropic-messages.ts'
import { readGemini } from '../readers/gemini-contents.ts'
import { readResponses } from '../readers/openai-responses.ts'
import { type Said, unlike } from '../readers/said.ts'
import { toldByRpc } from './canonical.ts'
import { allDeliveries, oneDelivery, seedOf } from './deliveries.ts'
import { headProblems, type HttpAnswer, valuesOf } from './http.ts'
import { nativeErrorProbes } from './native-error.ts'
import { nativeRequestProbes } from './native-request.ts'
import type { Line, Probe } from './probe.ts'
import { toldByCompletions } from './telling.ts'
import { translatedProbes } from './translated.ts'
import { askIn, type NativeSubject, type VendorDialect, vendorDialects } from './vendor-dialects.ts'

/** Everything the gateway is asked about a case of a format other than chat completions. */
export async function nativeProbes(wireCase: WireCase, format: NativeFormat): Promise<Probe[]> {
  const verdict = await judgeNative(wireCase, format)
  const subject: NativeSubject = { wireCase, format, verdict, streaming: isNativeStream(wireCase) }
  const asked = [
    ...nativeRequestProbes(subject),
    ...translatedProbes(wireCase, subject.streaming, verdict.kind === 'answer'),
  ]
  if (verdict.kind !== 'answer') return [...asked, ...nativeErrorProbes(subject)]
  const { said } = verdict
  return [...asked, ...ownProbes(subject), ...canonicalProbe(subject, said), ...crossProbes(subject, said)]
}

/** Asked in the upstream's own format, the gateway hands the answer through as it was. */
function ownProbes(subject: NativeSubject): Probe[] {
  const { wireCase, format } = subject
  if (format !== 'anthropic' && format !== 'gemini' && format !== 'responses') return []
  return allDeliveries(wireCase.response, seedOf(wireCase.id)).map(({ label, pieces }) => ({
    check: 'own',
    label,
    pieces,
    run: (line) => judgeOwn(subject, format, line),
  }))
}

async function judgeOwn({ wireCase, streaming }: NativeSubject, dialect: VendorDialect, line: Line): Promise<string[]> {
  const recorded = requestOf(wireCase, streaming)
  const answer = await askIn(dialect, line, streaming, recorded?.body, recorded?.headers)
  if (answer.status !== 200) return headProblems(answer, streaming)
  const { sse, body } = wireCase.response
  // A stream that came as one array of chunks was asked for as events.
  const expected = sse === undefined ? body : streamValues(sse).map(({ value }) => value)
  const found = streaming ? valuesOf(answer) : parseOrText(answer.text)
  const difference = firstDifference(expected, found)
  return [
    ...headProblems(answer, streaming),
    ...(difference === undefined ? [] : [difference]),
    ...(line.received.length === 1 ? [] : [`the upstream was called ${line.received.length} times`]),
  ]
}

/** Asked in the contract, the gateway answers events whose fold says what the recording says. */
function canonicalProbe({ wireCase, streaming }: NativeSubject, said: Said): Probe[] {
  const pieces = oneDelivery(wireCase.response, seedOf(`canonical ${wireCase.id}`))
  const run = async (line: Line): Promise<string[]> => {
    const { disorder = [], ...told } = await toldByRpc(line, streaming)
    return [...unlike(said, saidByTold(told)), ...disorder]
  }
  return [{ check: 'canonical', label: '', pieces, run }]
}

type Told = ReturnType<typeof toldByCompletions>

function saidByTold({ choices: [choice], usage }: Told): Said {
  return {
    text: (choice?.text ?? '') + (choice?.refusal ?? ''),
    reasoning: choice?.reasoning ?? '',
    calls: (choice?.toolCalls ?? []).map(({ id, name, arguments: given }) => ({ id, name, input: parseOrText(given) })),
    finish: choice?.finish ?? 'other',
    ...(usage?.estimated !== true && {
      usage: { input: usage?.input ?? -1, output: usage?.output ?? -1, cacheRead: usage?.cacheRead ?? -1 },
    }),
  }
}

/** Asked in any vendor's format but its own, the gateway's answer says what the recording says. */
function crossProbes({ wireCase, format, streaming }: NativeSubject, said: Said): Probe[] {
  return vendorDialects
    .filter((dialect) => dialect !== format)
    .map((dialect) => ({
      check: 'cross',
      label: dialect,
      pieces: oneDelivery(wireCase.response, seedOf(`${dialect} ${wireCase.id}`)),
      async run(line) {
        const answer = await askIn(dialect, line, streaming)
        if (answer.status !== 200) return headProblems(answer, streaming)
        return [...headProblems(answer, streaming), ...unlike(said, await heardIn(dialect, answer, streaming))]
      },
    }))
}

async function heardIn(dialect: VendorDialect, answer: HttpAnswer, streaming: boolean): Promise<Said> {
  const values = streaming ? valuesOf(answer) : [parseOrText(answer.text)]
  switch (dialect) {
    case 'openai':
      return saidByTold(toldByCompletions(values))
    case 'anthropic':
      return readAnthropic(answer.text, streaming)
    case 'gemini':
      return readGemini(values, streaming)
    case 'responses':
      return readResponses(answer.text, streaming)
    default:
      return dialect satisfies never
  }
}
