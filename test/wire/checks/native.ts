import { asMap, type JsonMap, parseOrText, streamValues, type WireCase } from '../case.ts'
import { firstDifference } from '../compare.ts'
import { isNativeStream, type NativeFormat } from '../format.ts'
import { judgeNative } from '../native.ts'
import { readAnthropic } from '../readers/anthropic-messages.ts'
import { readGemini } from '../readers/gemini-contents.ts'
import { readResponses } from '../readers/openai-responses.ts'
import { type Said, unlike } from '../readers/said.ts'
import { toldByRpc } from './canonical.ts'
import { allDeliveries, oneDelivery, seedOf } from './deliveries.ts'
import { headProblems, type HttpAnswer, valuesOf } from './http.ts'
import { nativeErrorProbes } from './native-error.ts'
import type { Line, Probe } from './probe.ts'
import { toldByCompletions } from './telling.ts'
import { askIn, type NativeSubject, type VendorDialect, vendorDialects } from './vendor-dialects.ts'

/** Everything the gateway is asked about a case of a format other than chat completions. */
export async function nativeProbes(wireCase: WireCase, format: NativeFormat): Promise<Probe[]> {
  const verdict = await judgeNative(wireCase, format)
  const subject: NativeSubject = { wireCase, format, verdict, streaming: isNativeStream(wireCase) }
  if (verdict.kind !== 'answer') return nativeErrorProbes(subject)
  return [...ownProbes(subject), ...canonicalProbe(subject, verdict.said), ...crossProbes(subject, verdict.said)]
}

/** Asked in the upstream's own format, the gateway hands both through: the request but for the model, the answer as it was. */
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
  const recorded = ownRequest(wireCase, dialect, streaming)
  const answer = await askIn(dialect, line, streaming, recorded)
  if (answer.status !== 200) return headProblems(answer, streaming)
  const [arrived] = line.received
  const renamed = dialect === 'gemini' && recorded?.['model'] === undefined ? {} : { model: modelSent(dialect, line) }
  const request = recorded && firstDifference({ ...recorded, ...renamed }, arrived?.body, 'request')
  const { sse, body } = wireCase.response
  // A stream that came as one array of chunks was asked for as events.
  const expected = sse === undefined ? body : streamValues(sse).map(({ value }) => value)
  const found = streaming ? valuesOf(answer) : parseOrText(answer.text)
  const difference = firstDifference(expected, found)
  return [
    ...headProblems(answer, streaming),
    ...(request === undefined ? [] : [request]),
    ...(difference === undefined ? [] : [difference]),
    ...(line.received.length === 1 ? [] : [`the upstream was called ${line.received.length} times`]),
  ]
}

function modelSent(dialect: VendorDialect, line: Line): string {
  return dialect === 'gemini' ? `models/${line.model}` : line.model
}

/** The recorded body, always with the right `stream`; undefined where none was recorded or it leans on what a vendor keeps. */
function ownRequest({ request }: WireCase, dialect: VendorDialect, streaming: boolean): JsonMap | undefined {
  const body = asMap(request?.body)
  if (body === undefined || body['previous_response_id'] != null || body['background'] === true) return undefined
  if (body['conversation'] != null) return undefined
  return dialect === 'gemini' || streaming === (body['stream'] === true) ? body : { ...body, stream: streaming }
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
