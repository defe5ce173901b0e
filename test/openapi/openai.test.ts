import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { openaiServer } from '../../src/dialects/openai/server.ts'
import { responsesServer } from '../../src/dialects/responses/server.ts'
import { sharedGateway } from '../e2e/gateway.ts'
import { streamValues } from '../wire/case.ts'
import { judgeBy, pointerTo } from './schemas.ts'

// What the gateway answers under /v1, judged by OpenAI's own OpenAPI document: openai.json is made of it by prune.ts.

interface Pruned {
  readonly answers: Readonly<Record<string, unknown>>
}

const pruned = JSON.parse(readFileSync(join(import.meta.dirname, 'openai.json'), 'utf8')) as Pruned
const judge = judgeBy(pruned)
const gateway = await sharedGateway()
const url = `${gateway.url}/v1`

const model = 'simulator/echo'
const messages = [{ role: 'user', content: 'Hello' }]
const weather = { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } }
const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false }

/** A question under /v1. */
interface Question {
  readonly path: string
  readonly body?: object | FormData
}

const asked = (path: string, ...bodies: readonly object[]): Question[] => bodies.map((body) => ({ path, body }))

function form(fields: Readonly<Record<string, string>>, attached: File): FormData {
  const filled = new FormData()
  for (const [name, value] of Object.entries(fields)) filled.append(name, value)
  filled.append('file', attached)
  return filled
}

async function recording(): Promise<File> {
  const body = JSON.stringify({ model, input: 'one two', voice: 'alloy', response_format: 'wav' })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/audio/speech`, { method: 'POST', headers, body })
  return new File([await answer.arrayBuffer()], 'talk.wav', { type: 'audio/wav' })
}

let speech: File
let file = ''
let batch = ''

/** What is asked for each answer that OpenAI describes. */
const questions: Readonly<Record<string, () => Question[] | Promise<Question[]>>> = {
  'POST /chat/completions application/json': () =>
    asked(
      '/chat/completions',
      { model, messages },
      { model, messages, n: 2, stop: ['x'], max_completion_tokens: 2 },
      { model, messages, tools: [weather] },
      { model, messages, reasoning_effort: 'low', service_tier: 'default' },
      { model, messages, response_format: { type: 'json_schema', json_schema: { name: 'a', schema } } },
    ),
  'POST /chat/completions text/event-stream': () =>
    asked(
      '/chat/completions',
      { model, messages, stream: true },
      { model, messages, stream: true, n: 2, stream_options: { include_usage: true } },
      { model, messages, stream: true, tools: [weather] },
    ),
  'POST /completions application/json': () =>
    asked('/completions', { model, prompt: 'Once' }, { model, prompt: ['Once', 'upon'], n: 2, max_tokens: 1 }),
  'POST /embeddings application/json': () =>
    asked('/embeddings', { model, input: 'x' }, { model, input: ['x', 'y'], dimensions: 3 }),
  'POST /images/generations application/json': () =>
    asked('/images/generations', { model, prompt: 'a cat', size: '1024x1024' }, { model, prompt: 'a cat', n: 2 }),
  'POST /audio/transcriptions application/json': () =>
    asked(
      '/audio/transcriptions',
      form({ model }, speech),
      form({ model, response_format: 'verbose_json', 'timestamp_granularities[]': 'word' }, speech),
      form({ model, response_format: 'diarized_json' }, speech),
    ),
  'POST /audio/transcriptions text/event-stream': () =>
    asked('/audio/transcriptions', form({ model, stream: 'true' }, speech)),
  'POST /audio/translations application/json': () =>
    asked('/audio/translations', form({ model }, speech), form({ model, response_format: 'verbose_json' }, speech)),
  'POST /responses application/json': () =>
    asked(
      '/responses',
      { model, input: 'Hello' },
      { model, input: 'Hello', instructions: 'be brief', temperature: 0.5, reasoning: { effort: 'low' } },
      { model, input: 'Hello', tools: [{ type: 'function', name: 'weather', parameters: schema, strict: true }] },
    ),
  'POST /responses text/event-stream': () =>
    asked(
      '/responses',
      { model, input: 'Hello', stream: true, reasoning: { effort: 'low' } },
      {
        model,
        input: 'Hello',
        stream: true,
        tools: [{ type: 'function', name: 'weather', parameters: schema, strict: true }],
      },
    ),
  'GET /models application/json': () => [{ path: '/models' }],
  'GET /models/{model} application/json': () => [{ path: '/models/simulator/echo' }],
  'GET /files application/json': () => [{ path: '/files' }],
  'POST /files application/json': () => asked('/files', form({ purpose: 'batch' }, new File(['{}'], 'lines.jsonl'))),
  'GET /files/{file_id} application/json': () => [{ path: `/files/${file}` }],
  'DELETE /files/{file_id} application/json': async () => [{ path: `/files/${await lines()}` }],
  'POST /videos application/json': () =>
    asked('/videos', { model, prompt: 'A square', size: '1280x720', seconds: '4' }),
  'GET /videos application/json': () => [{ path: '/videos' }],
  'GET /videos/{video_id} application/json': async () => [{ path: `/videos/${await video()}` }],
  'DELETE /videos/{video_id} application/json': async () => [{ path: `/videos/${await finished(await video())}` }],
  'GET /batches application/json': () => [{ path: '/batches' }],
  'POST /batches application/json': () =>
    asked('/batches', { input_file_id: file, endpoint: '/v1/chat/completions', completion_window: '24h' }),
  'GET /batches/{batch_id} application/json': () => [{ path: `/batches/${batch}` }],
  'POST /batches/{batch_id}/cancel application/json': () => [{ path: `/batches/${batch}/cancel` }],
}

/** Answers of OpenAI's that the gateway does not give: it says so, in an error. */
const notGiven = new Set(['POST /images/generations text/event-stream'])

/** Paths of ours that OpenAI's document does not have, or has no schema for. */
const unknownThere = new Set(['/audio/speech', '/files/{file_id}/content', '/videos/{video_id}/content'])

async function answerTo(method: string, { path, body }: Question): Promise<Response> {
  const isForm = body instanceof FormData
  return fetch(url + path, {
    method,
    ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
    ...(body !== undefined && !isForm && { headers: { 'content-type': 'application/json' } }),
  })
}

async function made(path: string, body: object): Promise<string> {
  return ((await (await answerTo('POST', { path, body })).json()) as { readonly id: string }).id
}

/** The id of a file with a line for a batch. */
async function lines(): Promise<string> {
  const line = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: { model, messages } }
  return made('/files', form({ purpose: 'batch' }, new File([JSON.stringify(line)], 'lines.jsonl')))
}

/** The id of a video that is begun. */
const video = (): Promise<string> => made('/videos', { model, prompt: 'A square', size: '720x1280', seconds: '4' })

/** The id, once that video is made. */
async function finished(id: string): Promise<string> {
  for (;;) {
    const answer = await answerTo('GET', { path: `/videos/${id}` })
    const { status } = (await answer.json()) as { readonly status: string }
    if (status !== 'queued' && status !== 'in_progress') return id
    await setTimeout(20)
  }
}

beforeAll(async () => {
  speech = await recording()
  file = await lines()
  batch = await made('/batches', { input_file_id: file, endpoint: '/v1/chat/completions', completion_window: '24h' })
})

/** Every path of ours that OpenAI's API could have, as its document writes it. */
const served = new Set(
  [openaiServer, responsesServer]
    .flatMap(({ chat, operations = [], routes }) => [...chat, ...operations, ...routes].map(({ path }) => path))
    .map((path) =>
      path
        .replace('/v1', '')
        .replace(/^\/models\/.+/, '/models/{model}')
        .replace(/^\/(file|batche|video)s\/:id/, (_match, kind: string) => `/${kind}s/{${kind.replace('he', 'h')}_id}`),
    ),
)

const judged = Object.keys(pruned.answers).filter((name) => !notGiven.has(name) && served.has(name.split(' ')[1] ?? ''))

describe.each(judged)('%s', (name) => {
  test('is as OpenAI describes it', async () => {
    const [method = '', , type] = name.split(' ')
    const wrong = judge(pointerTo('answers', name))
    expect(wrong({ object: 0, type: 0, data: 0, text: 0 })).not.toEqual([])
    const all = (await questions[name]?.()) ?? []
    expect(all.length).toBeGreaterThan(0)
    for (const question of all) {
      const answer = await answerTo(method, question)
      const text = await answer.text()
      expect([answer.status, answer.headers.get('content-type')?.split(';')[0]], text).toEqual([200, type])
      const told = type === 'text/event-stream' ? streamValues(text).map(({ value }) => value) : [JSON.parse(text)]
      expect(told.length).toBeGreaterThan(0)
      for (const value of told) expect(wrong(value), JSON.stringify(value)).toEqual([])
    }
  })
})

test('every path under /v1 is judged, but those that are not of OpenAI', () => {
  expect(judged.length).toBeGreaterThan(15)
  const paths = new Set(judged.map((name) => name.split(' ')[1]))
  const left = [...served].filter((path) => !paths.has(path) && !unknownThere.has(path))
  expect(left.filter((path) => !path.startsWith('/videos/generations'))).toEqual([])
})
