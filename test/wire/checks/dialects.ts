import { asMap, asText, type CaseResponse, type JsonMap, saysDone, streamValues } from '../case.ts'
import { differences, firstDifference, type Told } from '../compare.ts'
import type { Reading } from '../meaning.ts'
import { oneDelivery, seedOf } from './deliveries.ts'
import { askTurn, bodyOf, headProblems, type HttpAnswer, type RestDialect, valuesOf } from './http.ts'
import { type Line, modelName, type Probe, type Subject } from './probe.ts'
import { toldByCompletions, toldByPlatformData, toldByPlatformEvents, toldByUpstream } from './telling.ts'

/** Asked in a dialect the upstream does not speak, the gateway's answer means what the recording means. */
export function dialectProbes(subject: Subject): Probe[] {
  return (['platform', 'scaigrid', 'sgp'] as const).flatMap((dialect) => dialectProbe(dialect, subject))
}

type Judge = (answer: HttpAnswer, line: Line, reading: Reading, response: CaseResponse) => string[]

function dialectProbe(dialect: Exclude<RestDialect, 'openai'>, { wireCase, verdict, streaming }: Subject): Probe[] {
  if (verdict.kind !== 'answer') return []
  const judge: Judge = (streaming ? streamJudges : wholeJudges)[dialect]
  return [
    {
      check: dialect,
      label: '',
      pieces: oneDelivery(wireCase.response, seedOf(`${dialect} ${wireCase.id}`)),
      async run(line) {
        const answer = await askTurn(dialect, line, streaming)
        const problems = headProblems(answer, streaming)
        return answer.status === 200
          ? [...problems, ...judge(answer, line, verdict.reading, wireCase.response)]
          : problems
      },
    },
  ]
}

const wholeJudges: Readonly<Record<'platform' | 'scaigrid' | 'sgp', Judge>> = {
  platform(answer, line, reading) {
    const body = asMap(bodyOf(answer))
    const data = asMap(body?.['data'])
    if (body?.['success'] !== true || data === undefined)
      return [`no {"success":true,"data":{}}: ${answer.text.slice(0, 200)}`]
    return [...differences(speakable(reading), toldByPlatformData(data)), ...askedModel(data, line.model)]
  },
  scaigrid(answer, line, reading) {
    const body = asMap(bodyOf(answer))
    const data = asMap(body?.['data'])
    if (body?.['status'] !== 'ok' || data === undefined)
      return [`no {"status":"ok","data":{}}: ${answer.text.slice(0, 200)}`]
    const ids = [asMap(data['_meta'])?.['request_id'], asMap(body['meta'])?.['request_id']]
    return [
      ...differences(reading, toldByCompletions([data])),
      ...askedModel(data, modelName(line)),
      ...(ids.every((id) => asText(id) !== '') ? [] : ['request_id is missing in data._meta or meta']),
      ...scaigridHeaders(answer, line),
    ]
  },
  sgp(answer, _line, reading, response) {
    const body = asMap(bodyOf(answer))
    if (body?.['object'] !== 'generic_inference')
      return [`object is ${asText(body?.['object'])}, not generic_inference`]
    return [...differences(reading, toldByUpstream([body['response']])), ...ownAnswer(response.body, body['response'])]
  },
}

const streamJudges: Readonly<Record<'platform' | 'scaigrid' | 'sgp', Judge>> = {
  platform(answer, line, reading) {
    const events = valuesOf(answer).map((value) => asMap(value) ?? {})
    const types = events.map(({ type }) => asText(type))
    const frame = [types[0], types.at(-1)].join(', ')
    return [
      ...differences(speakable(reading), toldByPlatformEvents(events)),
      ...(frame === 'message_start, message_stop' ? [] : [`the stream begins and ends with ${frame}`]),
      ...askedModel(events[0] ?? {}, line.model),
    ]
  },
  scaigrid(answer, line, reading) {
    const values = valuesOf(answer)
    const told = toldByCompletions(values)
    // The page's stream has no usage; where it comes all the same, it has to be right.
    const { usage: _usage, ...silent } = reading
    return [
      ...differences(told.usage === undefined ? silent : reading, told),
      ...(saysDone(answer.text) ? [] : ['the stream does not end with [DONE]']),
      ...values.flatMap((value) => askedModel(asMap(value) ?? {}, modelName(line))).slice(0, 1),
      ...scaigridHeaders(answer, line),
    ]
  },
  sgp(answer, _line, reading, response) {
    const chunks = valuesOf(answer).map((value) => asMap(value) ?? {})
    const responses = chunks.map((chunk) => chunk['response'])
    const recorded = streamValues(response.sse ?? '').map(({ value }) => value)
    const odd = chunks.find(({ object }) => object !== 'generic_inference.chunk')
    return [
      ...differences(reading, toldByUpstream(responses)),
      ...ownAnswer(recorded, responses),
      ...(odd === undefined
        ? []
        : [`a data line is not a generic_inference.chunk: ${JSON.stringify(odd).slice(0, 200)}`]),
      ...(saysDone(answer.text) ? [] : ['the stream does not end with [DONE]']),
    ]
  },
}

/** The recording as a format without a place for refusals and speech tells it: their words are its text. */
function speakable(reading: Reading): Reading {
  const choices = reading.choices.map((choice) => {
    const text = choice.text + choice.refusal + choice.transcript
    return Object.assign({}, choice, { text })
  })
  return { ...reading, choices }
}

/** The response is the model's own answer in its own shape. */
function ownAnswer(recorded: unknown, found: unknown): string[] {
  const difference = firstDifference(recorded, found, 'response')
  return difference === undefined ? [] : [difference]
}

function askedModel(answer: JsonMap, model: string): string[] {
  return answer['model'] === model ? [] : [`model is ${JSON.stringify(answer['model'])}, asked for "${model}"`]
}

function scaigridHeaders({ headers }: HttpAnswer, line: Line): string[] {
  const wanted = { 'x-scaigrid-model': modelName(line), 'x-scaigrid-backend': `${line.provider}/${line.model}` }
  const found = Object.fromEntries(Object.keys(wanted).map((name) => [name, headers.get(name)]))
  const difference = firstDifference(wanted, found, 'headers')
  return [
    ...(difference === undefined ? [] : [difference]),
    ...((headers.get('x-scaigrid-request-id') ?? '') === '' ? ['x-scaigrid-request-id is missing'] : []),
  ]
}

/** What a partly told answer may be compared in: its content, not its end. */
export function contentOf(told: Told): Told {
  return {
    ...(told.firstChoiceOnly === true && { firstChoiceOnly: true }),
    choices: told.choices.map(({ finish: _finish, word: _word, ...content }) => content),
  }
}
