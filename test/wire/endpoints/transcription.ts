import type { TranscribeResponse } from '#gen/switchyard/v1/audio_pb.ts'
import { wav } from '../../suites/recordings.ts'
import { asList, asMap, asText, type JsonMap, parseOrText, type WireCase } from '../case.ts'
import { rpcPatience } from '../checks/canonical.ts'
import { type HttpAnswer, patience } from '../checks/http.ts'
import { type Line, modelName } from '../checks/probe.ts'
import { firstDifference } from '../compare.ts'
import type { Received } from '../upstream.ts'
import type { Endpoint, Told, Way } from './contract.ts'

/** What a transcript says: the words with their times and speakers, and what it cost in tokens or else in seconds. */
interface Transcript {
  readonly text: string
  readonly segments: readonly (readonly unknown[])[]
  readonly words: readonly (readonly unknown[])[]
  readonly usage: { readonly tokens: readonly number[] } | { readonly seconds: number }
}

/** Seconds of the recording that is sent in the place of the one that was not kept. */
const seconds = 1

/** A form as it was recorded: its fields, and its file by its name and type. */
type FormFields = Readonly<Record<string, unknown>>

function recordedFields({ request }: WireCase): FormFields | undefined {
  const parts = asMap(request?.body)?.['multipart']
  if (parts === undefined) return undefined
  const read: Record<string, unknown> = {}
  for (const part of asList(parts)) {
    const { name, value, filename, contentType } = asMap(part) ?? {}
    if (filename !== undefined) read['file'] = { name: filename, type: contentType }
    else read[asText(name)] = asText(name).endsWith('[]') ? [value] : value
  }
  return read
}

/** A form as it arrived. */
function arrivedFields({ raw, headers }: Received): FormFields {
  const [, boundary = ''] = /boundary=(.+)$/.exec(headers['content-type'] ?? '') ?? []
  const read: Record<string, unknown> = {}
  for (const part of raw.split(`--${boundary}`)) {
    const [, name, filename, type, value = ''] =
      /^\r\n.*name="([^"]*)"(?:; filename="([^"]*)"\r\ncontent-type: (.*))?\r\n\r\n([^]*)\r\n$/.exec(part) ?? []
    if (name === undefined) continue
    if (filename !== undefined) read[name] = { name: filename, type }
    else read[name] = name.endsWith('[]') ? [...asList(read[name]), value] : value
  }
  return read
}

/** The format that an answer is in. */
function formatOf({ response: { body, bodyText } }: WireCase): string {
  if (bodyText !== undefined) return 'vtt'
  const { words, segments, task } = asMap(body) ?? {}
  if (words !== undefined) return 'verbose_json'
  return segments !== undefined && task !== undefined ? 'diarized_json' : 'json'
}

async function send(line: Line, path: string, fields: FormFields): Promise<HttpAnswer> {
  const form = new FormData()
  const { file, ...others } = fields
  for (const [name, value] of Object.entries(others))
    for (const one of Array.isArray(value) ? value : [value]) form.append(name, String(one))
  const { name = 'talk.wav', type = 'audio/wav' } = (file ?? {}) as { name?: string; type?: string }
  form.append('file', new File([wav(seconds)], name, { type }))
  const answer = await fetch(line.origin + path, {
    method: 'POST',
    headers: { authorization: 'Bearer key-of-the-client' },
    body: form,
    signal: AbortSignal.timeout(patience),
  })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

/** The cues of WebVTT as a whole transcript, and when the last one ends. */
function saidInVtt(text: string): Transcript {
  const cues = [...text.matchAll(/(\d+):(\d+):(\d+\.\d+) --> (\d+):(\d+):(\d+\.\d+)\n([^]*?)\n(?:\n|$)/g)]
  const at = (parts: readonly string[]): number =>
    Math.round((Number(parts[0]) * 3600 + Number(parts[1]) * 60 + Number(parts[2])) * 1000) / 1000
  const segments = cues.map(([, h1 = '', m1 = '', s1 = '', h2 = '', m2 = '', s2 = '', words = '']) => [
    at([h1, m1, s1]),
    at([h2, m2, s2]),
    words.trim(),
    '',
  ])
  const whole = segments.map(([, , words]) => words).join(' ')
  return { text: whole, segments, words: [], usage: { seconds: Number(segments.at(-1)?.[1] ?? 0) } }
}

/** What a body says that is written as OpenAI or as one of those compatible with it does. */
function saidInJson(body: JsonMap): Transcript {
  return {
    text: asText(body['text']),
    segments: asList(body['segments']).map((one) => {
      const { start, end, text, speaker, speaker_id } = asMap(one) ?? {}
      return [rounded(start), rounded(end), asText(text).trim(), speaker ?? speaker_id ?? '']
    }),
    words: asList(body['words']).map((one) => {
      const { start, end, word } = asMap(one) ?? {}
      return [rounded(start), rounded(end), word]
    }),
    usage: usageIn(asMap(body['usage']), Number(body['duration'] ?? seconds)),
  }
}

function rounded(time: unknown): number {
  return Math.round(Number(time) * 1000) / 1000
}

function usageIn(usage: JsonMap | undefined, duration: number): Transcript['usage'] {
  const {
    input_tokens: input,
    output_tokens: output,
    prompt_tokens: prompt,
    completion_tokens: completion,
  } = usage ?? {}
  const beside = Number(asMap(usage?.['prompt_tokens_details'])?.['audio_tokens'] ?? 0)
  if (prompt !== undefined) return { tokens: [Number(prompt) + beside, Number(completion)] }
  if (input !== undefined) return { tokens: [Number(input), Number(output)] }
  return { seconds: rounded(usage?.['seconds'] ?? duration) }
}

const said: Endpoint['said'] = ({ response }) =>
  response.bodyText === undefined ? saidInJson(asMap(response.body) ?? {}) : saidInVtt(response.bodyText)

function saidByRpc({ text, segments, words, usage }: TranscribeResponse): Transcript {
  const { inputTokens = 0, outputTokens = 0, audioSeconds = 0 } = usage ?? {}
  return {
    text,
    segments: segments.map((one) => [rounded(one.start), rounded(one.end), one.text.trim(), one.speaker]),
    words: words.map((one) => [rounded(one.start), rounded(one.end), one.word]),
    usage:
      inputTokens + outputTokens > 0 ? { tokens: [inputTokens, outputTokens] } : { seconds: rounded(audioSeconds) },
  }
}

function saidByPlatform(data: JsonMap): Transcript {
  const { inputTokens, outputTokens, audioSeconds } = asMap(data['usage']) ?? {}
  const tokens = [Number(inputTokens), Number(outputTokens)]
  return {
    ...saidInJson(data),
    usage: tokens.some((count) => count > 0) ? { tokens } : { seconds: rounded(audioSeconds) },
  }
}

/** What is asked over RPC for as much as was recorded. */
function question(line: Line, translate: boolean) {
  const timestamps = ['segment', 'word']
  return {
    model: modelName(line),
    audio: wav(seconds),
    mediaType: 'audio/wav',
    fileName: 'talk.wav',
    timestamps,
    translate,
  }
}

const verbose = { response_format: 'verbose_json', 'timestamp_granularities[]': ['segment', 'word'] }

function told(answer: HttpAnswer, read: (body: JsonMap) => Transcript): Told {
  return { answer, said: read(asMap(parseOrText(answer.text)) ?? {}) }
}

function ways(translate: boolean): Way[] {
  const rpc =
    (name: 'connect' | 'grpc'): Way['ask'] =>
    async (line) => ({
      said: saidByRpc(await line[name].transcribe(question(line, translate), rpcPatience())),
    })
  const spoken: Way[] = [
    {
      check: 'platform',
      label: '',
      async ask(line) {
        const fields = { model: line.model, providerId: line.provider, timestamps: ['segment', 'word'] }
        const answer = await send(line, '/api/v1/inference/transcribe', fields)
        return told(answer, (body) => saidByPlatform(asMap(body['data']) ?? {}))
      },
    },
    {
      check: 'scaigrid',
      label: '',
      async ask(line) {
        const answer = await send(line, '/v1/inference/audio/transcribe', { model: modelName(line), ...verbose })
        return told(answer, (body) => saidInJson(asMap(body['data']) ?? {}))
      },
    },
  ]
  return [
    { check: 'canonical', label: '', ask: rpc('connect') },
    { check: 'grpc', label: '', ask: rpc('grpc') },
    // Neither of those translates.
    ...(translate ? [] : spoken),
  ]
}

function endpoint(name: string, translate: boolean): Endpoint {
  return {
    path: new RegExp(`/audio/${name}/?$`),
    below: `/audio/${name}`,
    own(line, wireCase) {
      const format = formatOf(wireCase)
      const plain = format === 'json' ? {} : { response_format: format }
      return send(line, `/v1/audio/${name}`, { ...(recordedFields(wireCase) ?? plain), model: modelName(line) })
    },
    unlike({ response }, { text, headers }) {
      if (response.bodyText === undefined) return listOf(firstDifference(response.body, parseOrText(text)))
      const type = headers.get('content-type') ?? ''
      return text === response.bodyText && type.startsWith('text/vtt')
        ? []
        : [`answered ${type}: ${text.slice(0, 300)}`]
    },
    arrived: (line, wireCase) => formProblems(line, { ...recordedFields(wireCase), model: line.model }, wireCase),
    async translated(line, wireCase) {
      const { file, diarize, response_format: format, ...fields } = recordedFields(wireCase) ?? {}
      const { name: fileName = 'talk.wav', type: mediaType = 'audio/wav' } = (file ?? {}) as {
        name?: string
        type?: string
      }
      const timestamps = asList(fields['timestamp_granularities[]']).map(asText)
      const speakers = diarize === 'true' || format === 'diarized_json'
      await line.connect.transcribe(
        { ...question(line, translate), fileName, mediaType, timestamps, speakers },
        rpcPatience(),
      )
    },
    arrivedTranslated: (line, wireCase) =>
      formProblems(line, { ...recordedFields(wireCase), model: line.model }, wireCase),
    said,
    ways: ways(translate),
  }
}

/** Of what was recorded without its form only the model and the file are known. */
function formProblems(line: Line, expected: FormFields, wireCase: WireCase): string[] {
  const [arrived] = line.received
  if (arrived === undefined) return []
  const found = arrivedFields(arrived)
  if (recordedFields(wireCase) !== undefined) return listOf(firstDifference(expected, found, 'request'))
  const { model, file } = found
  return listOf(
    firstDifference({ ...expected, file: { name: 'talk.wav', type: 'audio/wav' } }, { model, file }, 'request'),
  )
}

function listOf(difference: string | undefined): string[] {
  return difference === undefined ? [] : [difference]
}

/** `POST /v1/audio/transcriptions`, of OpenAI and of vendors compatible with it. */
export const transcriptionEndpoint = endpoint('transcriptions', false)
/** `POST /v1/audio/translations`. */
export const translationEndpoint = endpoint('translations', true)
