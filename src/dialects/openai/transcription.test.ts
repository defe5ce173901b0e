import { create, fromBinary, type MessageInitShape, toBinary, toJson } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  TranscribeRequestSchema,
  type TranscribeResponse,
  TranscribeResponseSchema,
} from '#gen/switchyard/v1/audio_pb.ts'
import { GatewayError } from '../../error/index.ts'
import { readForm, wav } from '../../../test/suites/recordings.ts'
import type { EncodedCall } from '../client-operations.ts'
import type { Form } from '../form.ts'
import { openaiClient } from './client.ts'
import { decodeTranscript } from './decode-transcript.ts'
import { decodeTranscriptionForm } from './decode-transcription.ts'
import { wholeTranscript } from './encode-transcript.ts'
import { transcriptFormats } from './transcription-types.ts'
import { transcription, type TranscriptionOptions } from './transcription-client.ts'

const openai = openaiClient.defaults
const mistral: TranscriptionOptions = {
  transcriptFormats: false,
  speakersField: 'diarize',
  timesOfLanguage: false,
  transcriptRefuses: ['prompt'],
}
const groq: TranscriptionOptions = { timedTranscripts: ['whisper*'], plainUsage: false }

function asking(model: string, given: MessageInitShape<typeof TranscribeRequestSchema> = {}) {
  return create(TranscribeRequestSchema, { model, audio: wav(1), ...given })
}

/** A client's own form, decoded. */
async function ownForm(fields: Record<string, string | string[]>, translate = false) {
  const bytes = wav(1)
  const file = {
    name: 'a.wav',
    mediaType: 'audio/wav',
    bytes: bytes.length,
    read: async () => bytes,
    stream: neverRead,
  }
  const form: Form = { fields: new Map(Object.entries(fields)), files: new Map([['file', file]]) }
  return (await decodeTranscriptionForm(form, translate)).request
}

const neverRead = (): AsyncIterable<Uint8Array> => expect.fail('the file is read whole')

/** The form that an upstream gets, without the recording. */
async function sent({ body, headers }: EncodedCall): Promise<Record<string, unknown>> {
  const pieces = typeof body === 'string' ? [Buffer.from(body)] : body
  const { file, ...fields } = await readForm(Buffer.concat(pieces), headers?.['content-type'] ?? '')
  expect(file).toMatchObject({ bytes: Buffer.from(wav(1)) })
  return fields
}

describe('asks in a format that has what is wanted', () => {
  const times = ['segment', 'word']
  test.each([
    ['nothing special', asking('whisper-1'), openai, { response_format: 'verbose_json' }, []],
    [
      'times',
      asking('whisper-1', { timestamps: times }),
      openai,
      { response_format: 'verbose_json', 'timestamp_granularities[]': times },
      [],
    ],
    [
      'times of a model without',
      asking('gpt-4o-transcribe', { timestamps: times }),
      openai,
      { response_format: 'json' },
      ['timestamps'],
    ],
    [
      'speakers',
      asking('gpt-4o-transcribe-diarize', { speakers: true, timestamps: [] }),
      openai,
      { response_format: 'diarized_json', chunking_strategy: 'auto' },
      [],
    ],
    [
      // CreateTranscriptionRequest of OpenAI's OpenAPI document 2.3.0: required of this model for more than 30 seconds.
      'no speakers of a model that has them',
      asking('gpt-4o-transcribe-diarize'),
      openai,
      { response_format: 'json', chunking_strategy: 'auto' },
      [],
    ],
    [
      'speakers of a model without',
      asking('whisper-1', { speakers: true }),
      openai,
      { response_format: 'verbose_json' },
      ['speakers'],
    ],
    ['usage that only times tell', asking('whisper-large-v3'), groq, { response_format: 'verbose_json' }, []],
    ['a model nobody knows', asking('local'), openai, { response_format: 'json' }, []],
    [
      'times of a model nobody knows',
      asking('local', { timestamps: ['word'] }),
      openai,
      { response_format: 'verbose_json', 'timestamp_granularities[]': ['word'] },
      [],
    ],
    [
      'a vendor of one format',
      asking('voxtral', { prompt: 'names', language: 'de', temperature: 0.5 }),
      mistral,
      { language: 'de', temperature: '0.5' },
      ['prompt'],
    ],
    [
      // As Mistral's own SDK asks who speaks (examples/mistral/audio/transcription_diarize_async.py), and as it was recorded.
      'speakers of a vendor of one format, which are told of segments',
      asking('voxtral', { speakers: true }),
      mistral,
      { 'timestamp_granularities[]': ['segment'], diarize: 'true' },
      [],
    ],
    [
      // The two exclude each other there: https://docs.mistral.ai/api/endpoint/audio/transcriptions
      'times of a vendor that tells none of a language it is told',
      asking('voxtral', { timestamps: ['segment'], language: 'de' }),
      mistral,
      { 'timestamp_granularities[]': ['segment'] },
      ['language'],
    ],
  ])('%s', async (_, request, options, fields, dropped) => {
    const encoded = transcription.encode(request, options)
    expect(await sent(encoded)).toEqual({ model: request.model, ...fields })
    expect(encoded).toMatchObject({ path: '/audio/transcriptions', dropped, passThrough: false })
  })

  test.each([
    ['json', 'whisper-1', 'json', true],
    ['text', 'whisper-1', 'verbose_json', false],
    ['verbose_json', 'whisper-1', 'verbose_json', true],
    ['srt', 'whisper-1', 'verbose_json', false],
    ['text', 'gpt-4o-transcribe', 'json', false],
    ['diarized_json', 'gpt-4o-transcribe-diarize', 'diarized_json', true],
    ['vtt', 'local', 'vtt', true],
  ])("%s of %s, as OpenAI's clients want it", async (wanted, model, format, passThrough) => {
    const request = await ownForm({
      model: 'alias',
      response_format: wanted,
      chunking_strategy: 'auto',
      include: ['logprobs'],
    })
    const encoded = transcription.encode({ ...request, model }, openai)
    expect(await sent(encoded)).toMatchObject({
      model,
      response_format: format,
      chunking_strategy: 'auto',
      'include[]': ['logprobs'],
    })
    expect(encoded).toMatchObject({ passThrough, dropped: [] })
  })
})

test("sends an OpenAI client's own words on as they are", async () => {
  const fields = { model: 'whisper-1', response_format: 'verbose_json', temperature: '0.2', odd: 'kept' }
  const encoded = transcription.encode(await ownForm(fields), openai)
  expect(await sent(encoded)).toEqual(fields)
})

test.each([
  ['1e-05', 0.00001],
  ['.5', 0.5],
  ['1.', 1],
])('reads a temperature that a form spells %s', async (temperature, expected) => {
  expect((await ownForm({ model: 'whisper-1', temperature })).temperature).toBe(expected)
})

test("does not ask a model without times for them in a client's own words either, since it says that they are lost", async () => {
  const fields = { model: 'alias', response_format: 'json', timestamp_granularities: ['segment'] }
  const encoded = transcription.encode({ ...(await ownForm(fields)), model: 'gpt-4o-transcribe' }, openai)
  expect(await sent(encoded)).toEqual({ model: 'gpt-4o-transcribe', response_format: 'json' })
  expect(encoded).toMatchObject({ dropped: ['timestamps'], passThrough: true })
})

test('names what only OpenAI has, where the provider has another format', async () => {
  const request = await ownForm({ model: 'voxtral', prompt: 'names', include: ['logprobs'], response_format: 'text' })
  const encoded = transcription.encode(request, mistral)
  expect(await sent(encoded)).toEqual({ model: 'voxtral', 'include[]': ['logprobs'] })
  expect(encoded).toMatchObject({ dropped: ['prompt'], passThrough: false })
})

test('asks another path for a translation, and refuses it where there is none', () => {
  const request = asking('whisper-1', { translate: true })
  expect(transcription.encode(request, openai).path).toBe('/audio/translations')
  expect(() => transcription.encode(request, { ...openai, translates: false })).toThrow(
    expect.objectContaining({ reason: 'unsupported_operation' }),
  )
})

test('asks a translation for nothing that its endpoint has no field for, and names what is lost', async () => {
  // CreateTranslationRequest of OpenAI's OpenAPI document 2.3.0: neither language nor timestamp_granularities.
  const said = asking('whisper-1', {
    translate: true,
    language: 'de',
    timestamps: ['segment', 'word'],
    prompt: 'names',
  })
  const encoded = transcription.encode(said, openai)
  expect(await sent(encoded)).toEqual({ model: 'whisper-1', response_format: 'verbose_json', prompt: 'names' })
  expect(encoded.dropped).toEqual(['language', 'timestamps'])
  const subtitles = await ownForm({ model: 'whisper-1', response_format: 'srt' }, true)
  const own = transcription.encode(subtitles, openai)
  expect(await sent(own)).toEqual({ model: 'whisper-1', response_format: 'verbose_json' })
  expect(own.dropped).toEqual([])
})

test.each([
  [{ fileName: 'talk.mp3', mediaType: 'audio/mpeg' }, 'talk.mp3', 'audio/mpeg'],
  [{ fileName: '', mediaType: '' }, 'audio.wav', 'audio/wav'],
  [{ fileName: 'blob', mediaType: 'audio/webm' }, 'blob.webm', 'audio/webm'],
  [{ fileName: 'a"\r\nx: y.wav', mediaType: 'audio/wav\r\nx: y' }, 'a"\r\nx: y.wav', 'audio/wavx: y'],
])('names the recording %j so that its format is known', async (given, name, type) => {
  const { body, headers } = transcription.encode(asking('whisper-1', given), openai)
  const form = await readForm(Buffer.concat(body as Uint8Array[]), headers?.['content-type'] ?? '')
  expect(form['file']).toMatchObject({ name, type })
})

describe('reads', () => {
  const encoded = { dropped: ['a'], passThrough: false }
  const read = (text: string, contentType = 'application/json'): TranscribeResponse =>
    decodeTranscript({ text, contentType }, encoded)

  test.each([
    ['seconds', { type: 'duration', seconds: 7 }, { audioSeconds: 7, inputTokens: 0 }],
    [
      'tokens',
      {
        type: 'tokens',
        input_tokens: 37,
        output_tokens: 144,
        input_token_details: { audio_tokens: 30, text_tokens: 7 },
      },
      { inputTokens: 37, outputTokens: 144, audioInputTokens: 30, audioSeconds: 2.5 },
    ],
    [
      'both, the tokens of sound beside the others',
      {
        prompt_audio_seconds: 3,
        prompt_tokens: 5,
        total_tokens: 400,
        completion_tokens: 20,
        prompt_tokens_details: { audio_tokens: 375 },
      },
      { inputTokens: 380, outputTokens: 20, audioInputTokens: 375, audioSeconds: 3 },
    ],
    ['the length alone', undefined, { audioSeconds: 2.5, inputTokens: 0 }],
  ])('usage in %s', (_, usage, told) => {
    expect(read(JSON.stringify({ text: 'Hi', duration: 2.5, usage })).usage).toMatchObject({
      ...told,
      estimated: false,
    })
  })

  test.each([{}, { usage: null }, { usage: { type: 'duration', seconds: 'many' } }])('no usage in %j', (given) => {
    expect(read(JSON.stringify({ text: 'Hi', ...given })).usage).toBeUndefined()
  })

  test('segments with who speaks, and words', () => {
    const body = {
      text: 'Hi',
      segments: [{ id: 'seg_0', start: 0, end: -1, text: 'Hi', speaker: 'A' }, null, { id: 7, speaker_id: 'b' }],
      words: [{ word: 'Hi', start: 0.1, end: '2' }, 5],
      language: 5,
    }
    expect(read(JSON.stringify(body))).toMatchObject({
      segments: [
        { id: 0, start: 0, end: 0, text: 'Hi', speaker: 'A' },
        { id: 7, start: 0, end: 0, text: '', speaker: 'b' },
      ],
      words: [{ word: 'Hi', start: 0.1, end: 0 }],
      language: '',
      dropped: ['a'],
      raw: '',
    })
  })

  test('subtitles, and bare text', () => {
    const vtt = 'WEBVTT\n\n00:00:00.000 --> 00:00:08.640\nOne\n\n00:00:08.640 --> 00:00:10.000\ntwo\n\n'
    expect(read(vtt, 'text/vtt')).toMatchObject({
      text: 'One two',
      durationSeconds: 10,
      segments: [{ end: 8.64 }, { id: 1 }],
    })
    expect(read('1\n00:00:00,000 --> 00:00:01,000\nOne\n\n', 'text/plain')).toMatchObject({
      text: 'One',
      durationSeconds: 1,
    })
    expect(read('Only words\n', 'text/plain')).toMatchObject({ text: 'Only words', segments: [] })
  })

  test.each([
    ['{"error":{"message":"slow down","code":429}}', 'rate_limited'],
    ['{"text":5}', 'provider_error'],
    ['{"text":', 'provider_error'],
    ['[]', 'provider_error'],
  ])('%s as an error', (body, reason) => {
    expect(() => read(body)).toThrow(expect.objectContaining({ reason }))
  })

  test('a page as an error', () => {
    expect(() => read('<html>', 'text/html')).toThrow(expect.objectContaining({ reason: 'provider_error' }))
  })

  test.each([
    ['json', 'Only words\n', '{"text":"Only words"}'],
    ['srt', '{"text":"Hi","duration":1}', '1\n00:00:00,000 --> 00:00:01,000\nHi\n\n'],
    ['json', '{"text":"Hi","more":1}', '{"text":"Hi","more":1}'],
    ['vtt', 'WEBVTT\n\nNOTE as it came\n', 'WEBVTT\n\nNOTE as it came\n'],
  ] as const)('for a client of %s, as it came only where it is of that format: %j', (format, body, written) => {
    const contentType = body.startsWith('{') ? 'application/json' : 'text/plain'
    const transcript = decodeTranscript({ text: body, contentType }, { dropped: [], passThrough: true })
    const whole = wholeTranscript({ format, translate: false, seconds: undefined }).whole(transcript, served)
    expect(typeof whole === 'string' ? whole : whole.body).toBe(written)
  })

  test('anything as a transcript that can be written in every format, or as an error', () => {
    const odd = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(-1, 1e300, 2 ** 53, '7', null))
    const timed = fc.record({ id: odd, start: odd, end: odd, text: odd, speaker: odd, word: odd }, { requiredKeys: [] })
    const listed = fc.oneof(odd, fc.array(fc.oneof(odd, timed), { maxLength: 3 }))
    const counts = {
      seconds: odd,
      input_tokens: odd,
      output_tokens: odd,
      input_token_details: odd,
      prompt_tokens: odd,
      prompt_audio_seconds: odd,
    }
    const body = fc.record(
      {
        text: fc.oneof(fc.string(), odd),
        model: odd,
        language: odd,
        duration: odd,
        segments: listed,
        words: listed,
        usage: fc.oneof(odd, fc.record(counts, { requiredKeys: [] })),
      },
      { requiredKeys: ['text'] },
    )
    fc.assert(
      fc.property(body, (given) => {
        let transcript: TranscribeResponse
        try {
          transcript = read(JSON.stringify(given))
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError)
          return
        }
        const again = fromBinary(TranscribeResponseSchema, toBinary(TranscribeResponseSchema, transcript))
        expect(toJson(TranscribeResponseSchema, again)).toEqual(toJson(TranscribeResponseSchema, transcript))
        for (const format of transcriptFormats) {
          const asked = { format, translate: false, seconds: undefined }
          expect(wholeTranscript(asked).whole(again, served)).toBeTruthy()
        }
      }),
      { numRuns: 500 },
    )
  })
})

const served = { requestId: 'r', provider: 'p', model: 'm', alias: 'a', elapsed: () => 0 }
