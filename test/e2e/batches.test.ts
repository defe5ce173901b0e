import { createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { afterAll, describe, expect, test } from 'vitest'
import { type Batch, BatchService, BatchStatus } from '#gen/switchyard/v1/batch_pb.ts'
import { UsageService } from '#gen/switchyard/v1/usage_pb.ts'
import { s3Account, startS3 } from '../services/s3.ts'
import { askJson, bearer, getJson, keyEntry, openaiSdk, saying, sharedGateway } from './gateway.ts'

/* Batches as clients see them, in every dialect that has them, against the simulator. */

const s3 = await startS3()
afterAll(() => s3[Symbol.asyncDispose]())
const objects = s3.objects as Map<string, Buffer>

const key = 'the-key-of-batches'
const rule = { permissions: ['models:use', 'batches:write', 'requests:read', 'usage:read'], accounts: ['acme'] }
const gateway = await sharedGateway({
  config: {
    keys: [keyEntry('k', key, rule), keyEntry('other', 'another-key', { ...rule, accounts: ['other'] })],
    batches: {
      poll: '50ms',
      s3: {
        endpoint: s3.endpoint,
        region: s3Account.region,
        buckets: [s3Account.bucket],
        access_key_id: s3Account.accessKeyId,
        env_var: 'BATCH_SECRET',
      },
    },
  },
  env: { BATCH_SECRET: s3Account.secretAccessKey },
})
const rpc = createClient(
  BatchService,
  createConnectTransport({
    baseUrl: gateway.url,
    httpVersion: '1.1',
    interceptors: [(next) => (request) => (request.header.set('authorization', `Bearer ${key}`), next(request))],
  }),
)

/** A path of every dialect at which a chat is asked, with its body. */
const questions = {
  '/v1/chat/completions': { model: 'simulator/echo', messages: saying('openai') },
  '/v1/responses': { model: 'simulator/echo', input: 'responses' },
  '/v1/messages': { model: 'simulator/echo', max_tokens: 50, messages: saying('anthropic') },
  '/v1beta/models/simulator%2Fecho:generateContent': { contents: [{ role: 'user', parts: [{ text: 'gemini' }] }] },
  '/api/v1/inference/chat': { model: 'simulator/echo', messages: saying('platform') },
  '/v1/inference/chat': { model: 'simulator/echo', messages: saying('scaigrid'), unheard_of: 1 },
  '/v5/inference': { model: 'simulator/echo', args: { messages: saying('sgp') } },
} as const

function line(id: string, url: string, body: object): string {
  return `${JSON.stringify({ custom_id: id, method: 'POST', url, body })}\n`
}

async function ended(id: string): Promise<Batch> {
  const seen = async (): Promise<boolean> => (await rpc.getBatch({ id })).finished !== undefined
  await expect.poll(seen, { interval: 30 }).toBe(true)
  return await rpc.getBatch({ id })
}

interface Result {
  readonly custom_id: string
  readonly response: {
    readonly status_code: number
    readonly request_id: string
    readonly body: object
    readonly dropped?: string[]
  } | null
  readonly error: { readonly code: string } | null
}

function resultsIn(path: string): Result[] {
  const said = objects.get(path)?.toString() ?? ''
  return said
    .trimEnd()
    .split('\n')
    .map((one) => JSON.parse(one) as Result)
}

test('asks every dialect from an object of a bucket, writes results beside it, and settles every line once', async () => {
  const input = Object.entries(questions).map(([url, body], index) => line(`q-${index}`, url, body))
  objects.set('/files/in/a%20b.jsonl', Buffer.from(input.join('') + line('bad', '/v1/chat/completions', { model: 7 })))
  const batch = await rpc.createBatch({
    input: 's3://files/in/a b.jsonl',
    outputPrefix: 's3://files/out',
    metadata: { for: 'a test' },
  })
  expect(batch).toMatchObject({ status: BatchStatus.VALIDATING, total: 0n, completionWindow: '24h' })
  const done = await ended(batch.id)
  expect(done).toMatchObject({
    status: BatchStatus.COMPLETED,
    total: 8n,
    completed: 7n,
    failed: 1n,
    metadata: { for: 'a test' },
  })
  const results = resultsIn(`/files/out/${batch.id}_output.jsonl`)
  expect(results.map(({ custom_id: id }) => id)).toEqual(input.map((_, index) => `q-${index}`))
  const words = ['openai', 'responses', 'anthropic', 'gemini', 'platform', 'scaigrid', 'sgp']
  for (const [index, { response, error }] of results.entries()) {
    expect([response?.status_code, error]).toEqual([200, null])
    expect(response?.dropped).toEqual(words[index] === 'scaigrid' ? ['unheard_of'] : undefined)
    expect(JSON.stringify(response?.body)).toContain(words[index])
  }
  const [bad] = resultsIn(`/files/out/${batch.id}_error.jsonl`)
  expect(bad).toMatchObject({ custom_id: 'bad', error: null, response: { status_code: 400 } })
  expect(bad?.response?.body).toMatchObject({ error: { type: 'invalid_request_error', param: 'model' } })

  const log = createClient(
    UsageService,
    createConnectTransport({
      baseUrl: gateway.url,
      httpVersion: '1.1',
      interceptors: [(next) => (request) => (request.header.set('authorization', `Bearer ${key}`), next(request))],
    }),
  )
  const rows = await Promise.all(results.map(({ response }) => log.getRequest({ id: response?.request_id ?? '' })))
  const input_ = rows.reduce((sum, { usage }) => sum + (usage?.inputTokens ?? 0), 0)
  const output = rows.reduce((sum, { usage }) => sum + (usage?.outputTokens ?? 0), 0)
  expect(input_).toBeGreaterThan(0)
  expect(done.usage).toMatchObject({ inputTokens: input_, outputTokens: output })
  expect((await log.listRequests({ limit: 100 })).requests.filter(({ status }) => status === 'ok')).toHaveLength(7)
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
  expect(metrics).toMatch(/^switchyard_batch_lines_total\{outcome="done"\} 7$/m)
  expect(metrics).toMatch(/^switchyard_batches_open\{status="validating"\} \d+$/m)
})

test('OpenAI’s SDK makes, finds, lists and cancels batches', async () => {
  const { batches } = openaiSdk(gateway, key)
  objects.set('/files/sdk.jsonl', Buffer.from(line('a', '/v1/chat/completions', questions['/v1/chat/completions'])))
  const made = await batches.create({
    input_file_id: 's3://files/sdk.jsonl',
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    metadata: { a: 'b' },
  })
  expect(made).toMatchObject({ object: 'batch', endpoint: '/v1/chat/completions', metadata: { a: 'b' } })
  await ended(made.id)
  const done = await batches.retrieve(made.id)
  expect(done).toMatchObject({ status: 'completed', request_counts: { total: 1, completed: 1, failed: 0 } })
  expect(done.completed_at).toBeGreaterThanOrEqual(done.created_at)
  expect(done.usage?.total_tokens).toBe((done.usage?.input_tokens ?? 0) + (done.usage?.output_tokens ?? 0))
  expect(await batches.cancel(made.id)).toMatchObject({ status: 'completed' })
  const ids: string[] = []
  for await (const { id } of batches.list({ limit: 1 })) ids.push(id)
  expect(ids[0]).toBe(made.id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.length).toBeGreaterThanOrEqual(2)
})

test('OpenAI’s SDK uploads a file, makes a batch of it, and reads its results', async () => {
  const { files, batches } = openaiSdk(gateway, key)
  const lines = ['a', 'b'].map((id) => line(id, '/v1/chat/completions', questions['/v1/chat/completions']))
  const bad = line('c', '/v1/responses', questions['/v1/responses'])
  const file = await files.create({ purpose: 'batch', file: new File([...lines, bad], 'in.jsonl') })
  const made = await batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  })
  await ended(made.id)
  const done = await batches.retrieve(made.id)
  expect(done).toMatchObject({ status: 'completed', input_file_id: file.id, request_counts: { total: 3, failed: 1 } })
  const read = async (id = ''): Promise<Result[]> =>
    (await (await files.content(id)).text())
      .trimEnd()
      .split('\n')
      .map((one) => JSON.parse(one) as Result)
  expect(await read(done.output_file_id)).toMatchObject([
    { custom_id: 'a', response: { status_code: 200, body: { object: 'chat.completion' } }, error: null },
    { custom_id: 'b', response: { status_code: 200 }, error: null },
  ])
  expect(await read(done.error_file_id)).toMatchObject([
    { custom_id: 'c', response: null, error: { code: 'mismatched_url' } },
  ])
  expect(await files.retrieve(done.output_file_id ?? '')).toMatchObject({ purpose: 'batch_output' })
  await expect(openaiSdk(gateway, 'another-key').files.content(done.output_file_id ?? '')).rejects.toThrow('404')
})

test('a line that wants something spoken gets its sound', async () => {
  const spoken = { model: 'simulator/echo', input: 'Hi', voice: 'alloy', response_format: 'wav' }
  const paths = ['/v1/audio/speech', '/v1/inference/audio/synthesize']
  const input = paths.map((path) => line(path, path, spoken))
  const events = { model: 'simulator/echo', args: { ...spoken, stream: true } }
  objects.set('/files/spoken.jsonl', Buffer.from(input.join('') + line('events', '/v5/inference', events)))
  const { id } = await rpc.createBatch({ input: 's3://files/spoken.jsonl', outputPrefix: 's3://files/spoken' })
  await ended(id)
  const results = resultsIn(`/files/spoken/${id}_output.jsonl`)
  expect(results.map(({ custom_id: path }) => path)).toEqual(paths)
  for (const { response } of results) {
    expect(response?.body).toMatchObject({ content_type: 'audio/wav' })
    const sound: { readonly base64?: string } | undefined = response?.body
    expect(
      Buffer.from(sound?.base64 ?? '', 'base64')
        .subarray(0, 4)
        .toString(),
    ).toBe('RIFF')
  }
  expect(resultsIn(`/files/spoken/${id}_error.jsonl`)).toMatchObject([{ response: { status_code: 400 } }])
})

test('a line that wants links to its images gets links', async () => {
  const url = '/v1/images/generations'
  const body = { model: 'simulator/echo', prompt: 'a line', size: '64x64', response_format: 'url' }
  objects.set('/files/in/images', Buffer.from(line('image', url, body)))
  const { id } = await rpc.createBatch({ input: 's3://files/in/images', outputPrefix: 's3://files/out' })
  await ended(id)
  const [result] = resultsIn(`/files/out/${id}_output.jsonl`)
  const answer = result?.response?.body as { readonly data: readonly { readonly url: string }[] } | undefined
  const file = await fetch(new URL(answer?.data[0]?.url ?? '', gateway.url))
  expect([file.status, file.headers.get('content-type')]).toEqual([200, 'image/png'])
})

test('the scaigrid API makes, finds, lists and cancels batches', async () => {
  const url = `${gateway.url}/v1/inference/batch`
  objects.set('/files/grid.jsonl', Buffer.from(line('a', '/v1/inference/chat', questions['/v1/inference/chat'])))
  const asked = { input_file_url: 's3://files/grid.jsonl', endpoint_completion_window: '12h', metadata: { n: '1' } }
  const answer = await askJson(url, { ...asked, priority: 'high', name: null }, bearer(key))
  expect(answer.headers['x-switchyard-dropped']).toBe('priority')
  const made = answer.json as { data: { id: string }; meta: object }
  expect(made).toMatchObject({
    status: 'ok',
    data: { completion_window: '12h', endpoint: null, input_file_url: asked.input_file_url, metadata: { n: '1' } },
    meta: { request_id: expect.stringMatching(/./) },
  })
  const { id } = made.data
  await ended(id)
  const { json } = await getJson(`${url}/${id}`, bearer(key))
  expect(json).toMatchObject({
    data: { status: 'completed', request_counts: { total: 1, completed: 1, failed: 0 }, error_file_url: null },
  })
  const { output_file_url: link, output_file_id: file } = (json as { data: Record<string, string> }).data
  expect(link?.startsWith(`${gateway.url}/media/${file}?`)).toBe(true)
  expect(JSON.parse(await (await fetch(link ?? '')).text())).toMatchObject({ custom_id: 'a' })
  const listed = (await getJson(`${url}?status=completed&limit=1`, bearer(key))).json
  expect(listed).toMatchObject({ data: { batches: [{ id }], next_cursor: expect.any(String) } })
  expect((await getJson(`${url}?status=none`, bearer(key))).status).toBe(400)
  const cancelled = await askJson(`${url}/${id}/cancel`, {}, bearer(key))
  expect(cancelled.json).toMatchObject({ data: { id, status: 'completed' } })
})

describe('is refused, and nothing is asked anywhere,', () => {
  const before = () => s3.asked.length

  test.each([
    ['a private address', { input_file_id: 'https://127.0.0.1:9/in.jsonl' }, 400, 'input_file_id'],
    ['an address of metadata', { input_file_id: 'https://169.254.169.254/latest' }, 400, 'input_file_id'],
    ['another way in', { input_file_id: 'file:///etc/passwd' }, 400, 'input_file_id'],
    ['plain HTTP', { input_file_id: 'http://example.com/in.jsonl' }, 400, 'input_file_id'],
    ['a bucket that is not allowed', { input_file_id: 's3://secrets/in.jsonl' }, 400, 'input_file_id'],
    ['all of a bucket', { input_file_id: 's3://files/' }, 400, 'input_file_id'],
    ['a way out of a bucket', { input_file_id: 's3://files/../secrets/in.jsonl' }, 400, 'input_file_id'],
    ['a file that is not there', { input_file_id: 'file-none' }, 404, null],
    ['an endpoint that asks no model', { endpoint: '/v1/models' }, 400, 'endpoint'],
    ['a window without end', { completion_window: '25h' }, 400, 'completion_window'],
    ['a window that is none', { completion_window: 'soon' }, 400, 'completion_window'],
    [
      'too much metadata',
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`k${at}`, ''])) },
      400,
      'metadata',
    ],
  ])('for %s', async (_what, change, status, param) => {
    const asked = before()
    const body = {
      input_file_id: 's3://files/x',
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
      ...change,
    }
    const answer = await askJson(`${gateway.url}/v1/batches`, body, bearer(key))
    expect([answer.status, before()]).toEqual([status, asked])
    expect(answer.json).toMatchObject({ error: { message: expect.stringMatching(/./), param } })
  })

  test('for a field that is not known here, where the client wants none left out', async () => {
    const asked = { input_file_id: 'file-none', endpoint: '/v1/chat/completions', completion_window: '24h', later: 1 }
    const strict = { ...bearer(key), 'x-switchyard-strict': 'true' }
    const answer = await askJson(`${gateway.url}/v1/batches`, asked, strict)
    expect([answer.status, answer.json]).toMatchObject([400, { error: { code: 'unsupported_field', param: 'later' } }])
  })

  test('for results that go to a place that is not allowed', async () => {
    const asked = { input_file_url: 's3://files/x', output_prefix: 's3://secrets/out' }
    expect((await askJson(`${gateway.url}/v1/inference/batch`, asked, bearer(key))).status).toBe(400)
  })

  test.each([
    ['input_file_url', 's3://secrets/in.jsonl', /^input_file_url: /],
    ['completion_window', 'soon', /^completion_window: /],
    ['endpoint_completion_window', 'soon', /^endpoint_completion_window: /],
  ])('for a %s that is none, by the name that its client has for it', async (param, value, message) => {
    const asked = { input_file_url: 's3://files/x', [param]: value }
    const { json } = await askJson(`${gateway.url}/v1/inference/batch`, asked, bearer(key))
    expect(json).toMatchObject({ error: { message: expect.stringMatching(message), details: { param } } })
  })
})

test('a batch of another account is as one that is not there', async () => {
  objects.set('/files/own.jsonl', Buffer.from(line('a', '/v1/chat/completions', questions['/v1/chat/completions'])))
  const { id } = await rpc.createBatch({ input: 's3://files/own.jsonl' })
  const { batches } = openaiSdk(gateway, 'another-key')
  for (const act of ['retrieve', 'cancel'] as const) {
    const foreign = await batches[act](id).catch((error: Error) => error.message.replaceAll(id, '…'))
    const missing = await batches[act]('batch_0').catch((error: Error) => error.message.replaceAll('batch_0', '…'))
    expect(foreign).toBe(missing)
    expect(foreign).toMatch(/^404/)
  }
  expect((await batches.list()).data).toEqual([])
  await ended(id)
})
