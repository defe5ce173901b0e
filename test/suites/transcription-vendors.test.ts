import { tmpdir } from 'node:os'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { TranscribeRequestSchema } from '#gen/switchyard/v1/audio_pb.ts'
import { type CallContext, fail, Secret } from '#provider'
import { loadPlugins } from '../../src/provider/load.ts'
import { contextFor } from './asking.ts'
import { readForm, wav } from './recordings.ts'

const plugins = await loadPlugins({ builtIn: new URL('../../plugins/', import.meta.url), named: [], baseDir: tmpdir() })

/** What is asked of a vendor, seen at the way out. */
async function asked(type: string, settings: object, request: MessageInitShape<typeof TranscribeRequestSchema>) {
  const plugin = plugins.get(type)
  if (plugin === undefined) throw new Error(`there is no plugin ${type}`)
  const seen: Parameters<CallContext['egress']['send']>[0][] = []
  const send: CallContext['egress']['send'] = async (sent) => {
    seen.push(sent)
    throw fail('provider_unreachable', 'nobody is there')
  }
  const egress = { send, sendGuarded: send, close: async () => {} }
  const context = contextFor({ egress, credential: { id: 'KEY', secret: new Secret('the-key') } })
  const own = plugin.manifest.settings.parse(settings)
  const provider = await plugin.create({ baseUrl: 'https://a.example', own }, { name: type, egress, log: context.log })
  const question = create(TranscribeRequestSchema, { audio: wav(1), fileName: 'a.wav', ...request })
  await expect(provider.transcribe?.(question, context)).rejects.toThrow('nobody is there')
  const [sent] = seen
  if (sent === undefined) throw new Error('nothing was sent')
  const { url, headers, pieces = [] } = sent
  const { file, ...fields } = await readForm(Buffer.concat(pieces), headers['content-type'] ?? '')
  expect(file).toMatchObject({ name: 'a.wav' })
  return { path: url.replace('https://a.example', ''), headers, fields }
}

const everything = { timestamps: ['segment', 'word'], language: 'de', prompt: 'names', temperature: 0.5 }
const times = { 'timestamp_granularities[]': ['segment', 'word'] }
const plain = { language: 'de', prompt: 'names', temperature: '0.5' }

test.each([
  ['openai', {}, 'whisper-1', '/audio/transcriptions', { response_format: 'verbose_json', ...times, ...plain }],
  ['openai', {}, 'gpt-4o-mini-transcribe', '/audio/transcriptions', { response_format: 'json', ...plain }],
  ['groq', {}, 'whisper-large-v3', '/audio/transcriptions', { response_format: 'verbose_json', ...times, ...plain }],
  ['mistral', {}, 'voxtral-mini-latest', '/audio/transcriptions', { temperature: '0.5', ...times }],
  [
    'azure-openai',
    {},
    'mine',
    '/openai/v1/audio/transcriptions',
    { response_format: 'verbose_json', ...times, ...plain },
  ],
  [
    'azure-openai',
    { api_version: '2024-10-21' },
    'my model',
    '/openai/deployments/my%20model/audio/transcriptions?api-version=2024-10-21',
    { response_format: 'verbose_json', ...times, ...plain },
  ],
])('%s with %j is asked for %s at %s', async (type, settings, model, path, fields) => {
  const sent = await asked(type, settings, { model, ...everything })
  expect(sent).toMatchObject({ path, fields: { model, ...fields } })
  expect(Object.keys(sent.fields).toSorted()).toEqual(['model', ...Object.keys(fields)].toSorted())
  expect(JSON.stringify(sent.headers)).toContain('the-key')
})

test.each([
  ['openai', 'gpt-4o-transcribe-diarize', { response_format: 'diarized_json', chunking_strategy: 'auto' }],
  ['mistral', 'voxtral-mini-latest', { diarize: 'true', 'timestamp_granularities[]': ['segment'] }],
])('%s tells who speaks', async (type, model, fields) => {
  expect(await asked(type, {}, { model, speakers: true })).toMatchObject({ fields: { model, ...fields } })
})

test('together is asked for what subtitles are made of, since it writes none', async () => {
  // Its own SDK knows json and verbose_json alone: together-py, types/audio/transcription_create_params.py.
  const body = JSON.stringify({ model: 'alias', response_format: 'srt' })
  const source = { dialect: 'openai', body }
  const { fields } = await asked('together', {}, { model: 'openai/whisper-large-v3', timestamps: ['segment'], source })
  expect(fields).toMatchObject({ response_format: 'verbose_json', 'timestamp_granularities[]': ['segment'] })
})
