import { Code, createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { toFile } from 'openai'
import { afterAll, describe, expect, test } from 'vitest'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { wav } from '../suites/recordings.ts'
import { readCases } from '../wire/case.ts'
import { inOddPieces, startUpstream } from '../wire/upstream.ts'
import { getJson, openaiSdk, sharedGateway } from './gateway.ts'

const recorded = ['openai-audio', 'mistral-audio'].flatMap((api) =>
  readCases(`${import.meta.dirname}/../wire/cases/${api}`),
)
const upstream = await startUpstream()
afterAll(() => upstream.close())

/** The recording whose name ends so, behind a provider of its own. */
function replayed(name: string, type: string) {
  const found = recorded.find(({ id }) => id.includes(name))
  if (found === undefined) throw new Error(`there is no recording ${name}`)
  const mount = upstream.mount(found.response, inOddPieces(found.response, 7))
  const provider = { name, type, base_url: `${mount.baseUrl}/v1`, env_var: 'UP_API_KEY' }
  return { name, provider, received: mount.received, body: found.response.body as Record<string, unknown> }
}

const plain = replayed('audio-transcription-basic', 'openai')
const translation = replayed('audio-translation-basic', 'openai')
const subtitles = replayed('audio-from-path-vtt', 'openai')
const spoken = replayed('openai-gpt-4-transcribe-audio', 'openai')
const words = replayed('openai-transcription', 'openai')
const voxtral = replayed('mistral-voxt', 'mistral')

const uploadLimit = 200_000
const gateway = await sharedGateway({
  config: { server: { upload_limit_bytes: uploadLimit } },
  providers: () => [plain, translation, subtitles, spoken, words, voxtral].map(({ provider }) => provider),
})
const { audio } = openaiSdk(gateway)
const rpc = createClient(InferenceService, createConnectTransport({ baseUrl: gateway.url, httpVersion: '1.1' }))
const recording = () => toFile(wav(2), 'talk.wav', { type: 'audio/wav' })
const heard = '[simulated] I heard 2 seconds of audio/wav.'
const simulated = { model: 'simulator/echo' }

describe('the openai SDK', () => {
  test('gets what was said, and what it cost in seconds', async () => {
    const { data, request_id } = await audio.transcriptions
      .create({ ...simulated, file: await recording() })
      .withResponse()
    expect(data).toEqual({ text: heard, usage: { type: 'duration', seconds: 2 } })
    expect(await gateway.settled(request_id ?? '')).toMatchObject([
      { operation: 'transcribe', dialect: 'openai', status: 'ok' },
    ])
  })

  test('gets a translation', async () => {
    const answer = await audio.translations.create({ ...simulated, file: await recording() })
    expect(answer.text).toBe('[simulated] In English, I heard 2 seconds of audio/wav.')
  })

  test('gets the times of words and segments', async () => {
    const asked = {
      ...simulated,
      file: await recording(),
      response_format: 'verbose_json' as const,
      timestamp_granularities: ['word', 'segment'] as ('word' | 'segment')[],
    }
    const answer = await audio.transcriptions.create(asked)
    expect(answer).toMatchObject({
      task: 'transcribe',
      duration: 2,
      language: 'english',
      segments: [{ id: 0, start: 0, end: 2, text: heard }],
    })
    expect(answer.words?.map(({ word }) => word).join(' ')).toBe(heard)
    expect(answer.words?.at(-1)).toMatchObject({ end: 2 })
  })

  test.each([
    ['text', `${heard}\n`],
    ['srt', `1\n00:00:00,000 --> 00:00:02,000\n${heard}\n\n`],
    ['vtt', `WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n${heard}\n\n`],
  ] as const)('gets %s', async (response_format, text) => {
    expect(await audio.transcriptions.create({ ...simulated, file: await recording(), response_format })).toBe(text)
  })

  test('gets events, where it asks for a stream', async () => {
    const stream = await audio.transcriptions.create({ ...simulated, file: await recording(), stream: true })
    expect(await Array.fromAsync(stream)).toEqual([
      { type: 'transcript.text.delta', delta: heard },
      { type: 'transcript.text.done', text: heard },
    ])
  })

  test('gets who speaks, and what it cost in tokens, as the provider said it', async () => {
    const asked = {
      model: `${spoken.name}/gpt-4o-transcribe-diarize`,
      file: await recording(),
      response_format: 'diarized_json',
      chunking_strategy: 'auto',
    } as const
    expect(await audio.transcriptions.create(asked)).toEqual(spoken.body)
    expect(spoken.received.at(-1)).toMatchObject({ method: 'POST', path: '/v1/audio/transcriptions' })
    expect(spoken.received.at(-1)?.raw).toContain('filename="talk.wav"')
    expect(Number(spoken.received.at(-1)?.headers['content-length'])).toBeGreaterThan(wav(2).length)
  })

  test.each([
    ['text', words.body['text']],
    ['srt', expect.stringMatching(/^1\n00:00:00,000 --> 00:00:36,710\nGalileo /)],
  ] as const)('gets %s of what a provider said in JSON', async (response_format, text) => {
    const answer: unknown = await audio.transcriptions.create({
      model: `${words.name}/whisper-1`,
      file: await recording(),
      response_format,
    })
    expect(typeof answer === 'string' ? answer.trimEnd() : answer).toEqual(text)
    expect(words.received.at(-1)?.raw).toMatch(/name="response_format"\r\n\r\nverbose_json\r\n/)
  })

  test('gets subtitles as a provider wrote them', async () => {
    const answer = await audio.transcriptions.create({
      model: `${subtitles.name}/mine`,
      file: await recording(),
      response_format: 'vtt',
    })
    expect(answer).toMatch(/^WEBVTT\n\n00:00:00.000 --> 00:00:08.640\nby that conference/)
  })

  test('gets a translation of a provider', async () => {
    const answer = await audio.translations.create({ model: `${translation.name}/whisper-1`, file: await recording() })
    expect(answer).toEqual(translation.body)
    expect(translation.received.at(-1)?.path).toBe('/v1/audio/translations')
  })
})

/** Posts a form; a file stands under its name, its type and its bytes. */
async function post(
  path: string,
  fields: Readonly<Record<string, string>>,
  file: File | undefined,
  headers: Record<string, string> = {},
) {
  const body = new FormData()
  for (const [name, value] of Object.entries(fields)) body.append(name, value)
  if (file !== undefined) body.append('file', file)
  const answer = await fetch(gateway.url + path, { method: 'POST', body, headers })
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    dropped: answer.headers.get('x-switchyard-dropped'),
    text: await answer.text(),
  }
}

const talk = new File([wav(2)], 'talk.wav', { type: 'audio/wav' })

describe('scaigrid', () => {
  const path = '/v1/inference/audio/transcribe'

  test('answers in its envelope', async () => {
    const { status, text } = await post(path, { ...simulated, response_format: 'verbose_json' }, talk)
    expect([status, JSON.parse(text)]).toMatchObject([
      200,
      {
        status: 'ok',
        data: { text: heard, duration: 2, segments: [{ end: 2 }] },
        meta: { request_id: expect.any(String) },
      },
    ])
  })

  test('answers in other formats without it', async () => {
    expect(await post(path, { ...simulated, response_format: 'srt' }, talk)).toMatchObject({
      type: 'application/x-subrip; charset=utf-8',
      text: `1\n00:00:00,000 --> 00:00:02,000\n${heard}\n\n`,
    })
    expect(await post(path, { ...simulated, response_format: 'vtt' }, talk)).toMatchObject({
      type: 'text/vtt; charset=utf-8',
    })
    expect(await post(path, { ...simulated, response_format: 'text' }, talk)).toMatchObject({
      type: 'text/plain; charset=utf-8',
    })
  })

  test('says who speaks, where the provider does', async () => {
    const fields = { model: `${voxtral.name}/voxtral-mini-latest`, response_format: 'verbose_json', prompt: 'names' }
    const { text, dropped } = await post(path, fields, talk)
    expect(JSON.parse(text)).toMatchObject({
      data: {
        segments: [{ start: 0.1, speaker: 'speaker_1' }],
        usage: { type: 'duration', seconds: 3, input_tokens: 380 },
      },
    })
    expect(dropped).toBe('prompt')
    expect(voxtral.received.at(-1)?.raw).not.toContain('response_format')
  })

  test.each([
    ['no model', {}, talk, 400, 'model'],
    ['no file', simulated, undefined, 400, 'file'],
    ['an unknown format', { ...simulated, response_format: 'mp3' }, talk, 400, 'response_format'],
    ['a temperature that is none', { ...simulated, temperature: 'warm' }, talk, 400, 'temperature'],
    ['an empty file', simulated, new File([], 'talk.wav'), 400, 'file'],
    ['a picture', simulated, new File(['\x89PNG\r\n'], 'talk.png'), 415, 'file'],
    ['a file over the limit', simulated, new File([Buffer.alloc(uploadLimit + 1)], 'talk.wav'), 413, 'file'],
  ])('refuses %s', async (_, fields, file, status, param) => {
    const refused = await post(path, fields, file)
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([
      status,
      { status: 'error', error: { details: { param } } },
    ])
  })
})

describe('platform', () => {
  const path = '/api/v1/inference/transcribe'
  const answer = {
    success: true,
    data: { text: heard, durationSeconds: 2, usage: { audioSeconds: 2 }, requestId: expect.any(String) },
  }

  test('takes a form and base64 on the same path', async () => {
    const form = await post(path, simulated, talk)
    expect(JSON.parse(form.text)).toMatchObject(answer)
    const body = JSON.stringify({ ...simulated, audio: wav(2).toString('base64'), language: 'en' })
    const json = await fetch(gateway.url + path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    })
    expect(await json.json()).toMatchObject({ ...answer, data: { ...answer.data, language: 'en' } })
  })

  test('takes the model of a provider that is named', async () => {
    const { text } = await post(path, { providerId: 'simulator', timestamps: 'word' }, talk)
    expect(JSON.parse(text)).toMatchObject({
      data: { words: expect.arrayContaining([{ word: 'heard', start: expect.any(Number), end: expect.any(Number) }]) },
    })
  })

  test.each([
    ['no model', { audio: 'AAAA' }, 'model is required'],
    ['no audio', simulated, 'audio is required'],
    ['empty audio', { ...simulated, audio: '' }, 'audio is empty'],
    ['what is not base64', { ...simulated, audio: '<audio>' }, 'audio is not valid base64'],
  ])('refuses %s', async (_, fields, message) => {
    const body = JSON.stringify(fields)
    const refused = await fetch(gateway.url + path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    })
    expect([refused.status, await refused.json()]).toEqual([
      400,
      { success: false, error: { code: 'BAD_REQUEST', message } },
    ])
  })
})

describe('over RPC', () => {
  const request = { ...simulated, audio: new Uint8Array(wav(2)), mediaType: 'audio/wav' }

  test('a recording is written down, in the words of the contract', async () => {
    expect(await rpc.transcribe({ ...request, timestamps: ['segment'], translate: true })).toMatchObject({
      text: '[simulated] In English, I heard 2 seconds of audio/wav.',
      durationSeconds: 2,
      segments: [{ start: 0, end: 2 }],
      usage: { audioSeconds: 2, estimated: false },
    })
  })

  test('what an OpenAI client asked comes along with its recording', async () => {
    const source = {
      dialect: 'openai',
      body: JSON.stringify({ model: 'any', response_format: 'verbose_json', odd: 'kept' }),
    }
    const answer = await rpc.transcribe({ ...request, model: `${words.name}/whisper-1`, source })
    expect(answer).toMatchObject({
      rawDialect: 'openai',
      durationSeconds: words.body['duration'],
      usage: { audioSeconds: 37 },
    })
    expect(words.received.at(-1)?.raw).toMatch(/name="odd"\r\n\r\nkept\r\n/)
    expect(words.received.at(-1)?.raw).toContain('RIFF')
  })

  test('what is no recording is refused before a provider is asked', async () => {
    const picture = { ...request, audio: Buffer.from('\x89PNG', 'latin1'), mediaType: '' }
    await expect(rpc.transcribe(picture)).rejects.toMatchObject({ code: Code.InvalidArgument })
    await expect(rpc.transcribe({ ...request, audio: new Uint8Array(0) })).rejects.toMatchObject({
      code: Code.InvalidArgument,
    })
  })

  test('strictness refuses what the provider cannot carry', async () => {
    const strict = { ...request, model: `${plain.name}/gpt-4o-transcribe`, timestamps: ['word'], strict: true }
    await expect(rpc.transcribe(strict)).rejects.toMatchObject({ rawMessage: expect.stringContaining('timestamps') })
  })
})

test('a path for recordings takes nothing else, and says what it takes', async () => {
  const json = await fetch(`${gateway.url}/v1/audio/transcriptions`, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  })
  expect([json.status, await json.json()]).toMatchObject([415, { error: { code: 'unsupported_media_type' } }])
  expect(await getJson(`${gateway.url}/v1/audio/translations`)).toMatchObject({
    status: 405,
    headers: { allow: 'POST' },
  })
})

test('strictness refuses what the provider cannot carry', async () => {
  const fields = { model: `${plain.name}/gpt-4o-transcribe`, response_format: 'srt' }
  expect((await post('/v1/audio/transcriptions', fields, talk)).dropped).toBe('timestamps')
  const refused = await post('/v1/audio/transcriptions', fields, talk, { 'x-switchyard-strict': 'true' })
  expect([refused.status, JSON.parse(refused.text)]).toMatchObject([400, { error: { param: 'timestamps' } }])
})
