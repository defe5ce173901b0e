import { wav } from '../../suites/recordings.ts'

/** What is said in a request: in its text, and in the name of its file. */
export interface Said {
  readonly prompt: string
  readonly fileName: string
}

/** A body, and what it is said to be where that is not JSON. */
export interface Sent {
  readonly body: object | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/** One way to ask for something else than a chat, with what is asked wherever that API has a place for it. */
export interface OperationAsk {
  readonly path: (model: string) => string
  /** What the names of models begin with that tell what they are for. */
  readonly prefix?: string
  /** The providers beside those of every operation. */
  readonly at?: readonly string[]
  readonly send: (model: string, said: Said) => Sent
}

const boundary = 'a-boundary-of-forms'

/** A form with these fields, and a file. */
export function form(fields: Readonly<Record<string, string>>, file: Uint8Array, name: string, type: string): Sent {
  const head = (more: string): string => `--${boundary}\r\ncontent-disposition: form-data; ${more}\r\n`
  const texts = Object.entries(fields).map(([field, value]) => `${head(`name="${field}"`)}\r\n${value}\r\n`)
  const begin = `${texts.join('')}${head(`name="file"; filename="${name}"`)}content-type: ${type}\r\n\r\n`
  const body = Buffer.concat([Buffer.from(begin), file, Buffer.from(`\r\n--${boundary}--\r\n`)])
  return { body, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } }
}

/** A recording that says this in the midst of its sound. */
export const recordingOf = (prompt: string): Buffer => Buffer.concat([wav(1), Buffer.from(prompt)])

const json = (body: object): Sent => ({ body })
const at =
  (path: string): OperationAsk['path'] =>
  () =>
    path

const ofText: readonly OperationAsk[] = [
  {
    path: at('/v1/completions'),
    at: ['completing'],
    send: (model, { prompt }) => json({ model, prompt: [prompt, prompt], suffix: prompt, stop: prompt, user: prompt }),
  },
  {
    path: at('/v1/completions'),
    at: ['completing'],
    send: (model, { prompt }) => json({ model, prompt, user: prompt, stream: true }),
  },
  { path: at('/v1/inference/generate'), at: ['completing'], send: (model, { prompt }) => json({ model, prompt }) },
]

const ofVectors: readonly OperationAsk[] = [
  {
    path: at('/v1/embeddings'),
    at: ['mistral', 'cohere', 'gemini', 'ollama'],
    send: (model, { prompt }) => json({ model, input: [prompt], user: prompt }),
  },
  { path: at('/v1/inference/embed'), send: (model, { prompt }) => json({ model, input: prompt, more: prompt }) },
  {
    path: at('/api/v1/inference/embed'),
    at: ['gemini'],
    send: (model, { prompt }) => json({ model, input: [prompt] }),
  },
  {
    path: (model) => `/v1beta/models/${model}:batchEmbedContents`,
    at: ['gemini'],
    send: (_model, { prompt }) =>
      json({ requests: [{ model: 'models/x', content: { parts: [{ text: prompt }] }, title: prompt }] }),
  },
]

const ofMedia: readonly OperationAsk[] = [
  {
    path: at('/v1/images/generations'),
    at: ['gemini'],
    send: (model, { prompt }) => json({ model, prompt, user: prompt, response_format: 'b64_json' }),
  },
  { path: at('/v1/inference/images/generate'), send: (model, { prompt }) => json({ model, prompt, style: prompt }) },
  { path: at('/api/v1/inference/images'), send: (model, { prompt }) => json({ model, prompt, user: prompt }) },
  {
    path: at('/v1/audio/speech'),
    at: ['gemini'],
    send: (model, { prompt }) => json({ model, input: prompt, voice: prompt, instructions: prompt }),
  },
  {
    path: at('/v1/inference/audio/synthesize'),
    send: (model, { prompt }) => json({ model, input: prompt, voice: 'a' }),
  },
  {
    path: at('/v1/videos'),
    prefix: 'later-',
    at: ['gemini'],
    send: (model, { prompt }) => json({ model, prompt, user: prompt, seconds: '4', size: '320x180' }),
  },
  { path: at('/v1/videos/generations'), send: (model, { prompt }) => json({ model, prompt, user: prompt }) },
]

const ofSpeech: readonly OperationAsk[] = [
  ...['json', 'verbose_json', 'srt'].map((format) => ({
    path: at('/v1/audio/transcriptions'),
    at: ['mistral'],
    send: (model: string, { prompt, fileName }: Said) =>
      form({ model, prompt, response_format: format }, recordingOf(prompt), `${fileName}.wav`, 'audio/wav'),
  })),
  // The second is no name of a file.
  ...['', '../'].map((folder) => ({
    path: at('/v1/audio/translations'),
    send: (model: string, { prompt, fileName }: Said) =>
      form({ model, prompt }, recordingOf(prompt), `${folder}${fileName}.wav`, 'audio/wav'),
  })),
  {
    path: at('/v1/inference/audio/transcribe'),
    send: (model, { prompt, fileName }) =>
      form({ model, more: prompt }, recordingOf(prompt), `${fileName}.mp3`, 'audio/mpeg'),
  },
  {
    path: at('/api/v1/inference/transcribe'),
    send: (model, { prompt, fileName }) =>
      json({ model, audio: recordingOf(prompt).toString('base64'), fileName: `${fileName}.wav`, prompt }),
  },
  {
    path: at('/api/v1/inference/transcribe'),
    send: (model, { prompt, fileName }) => form({ model }, Buffer.from(prompt), `${fileName}.txt`, 'text/plain'),
  },
]

const sgp = (prefix: string | undefined, args: (said: Said) => object): OperationAsk => ({
  path: at('/v5/inference'),
  ...(prefix !== undefined && { prefix }),
  send: (model, said) => json({ model, args: args(said) }),
})

const ofAnything: readonly OperationAsk[] = [
  sgp('moderation-', ({ prompt }) => ({ input: prompt })),
  sgp('moderation-', ({ prompt }) => ({ input: [prompt], stream: true })),
  sgp(undefined, ({ prompt }) => ({ prompt, stream: true })),
  sgp(undefined, ({ prompt }) => ({ input: prompt, voice: 'a' })),
  sgp(undefined, ({ prompt }) => ({ input: prompt })),
  sgp(undefined, ({ prompt }) => ({ prompt, size: '64x64' })),
  sgp(undefined, ({ prompt, fileName }) => ({ file: recordingOf(prompt).toString('base64'), file_name: fileName })),
  { ...sgp('rerank-', ({ prompt }) => ({ query: prompt, documents: [prompt] })), at: ['cohere'] },
]

const method = (name: string, fields: (said: Said) => object, prefix?: string): OperationAsk => ({
  path: at(`/switchyard.v1.InferenceService/${name}`),
  ...(prefix !== undefined && { prefix }),
  send: (model, said) => json({ model, ...fields(said) }),
})

const ofRpc: readonly OperationAsk[] = [
  method('Generate', ({ prompt }) => ({ prompts: [{ text: prompt }], stop: [prompt], user: prompt })),
  method('Embed', ({ prompt }) => ({ inputs: [{ text: prompt }], user: prompt })),
  method('GenerateImages', ({ prompt }) => ({ prompt, user: prompt })),
  method('Transcribe', ({ prompt, fileName }) => ({
    audio: recordingOf(prompt).toString('base64'),
    fileName: `${fileName}.wav`,
    prompt,
  })),
  method('CreateVideo', ({ prompt }) => ({ prompt, user: prompt }), 'later-'),
  method('Infer', ({ prompt }) => ({ args: { input: prompt }, operation: 'moderations' }), 'moderation-'),
]

/** Everything beside chats that can be asked for over HTTP. */
export const operations: readonly OperationAsk[] = [
  ...ofText,
  ...ofVectors,
  ...ofMedia,
  ...ofSpeech,
  ...ofAnything,
  ...ofRpc,
]
