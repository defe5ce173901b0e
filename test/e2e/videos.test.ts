import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { ConflictError, NotFoundError } from 'openai'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { JobStatus } from '#gen/switchyard/v1/video_pb.ts'
import { openGateway } from '../faults/gateway.ts'
import { askJson, bearer, getJson, keyEntry, openaiSdk, sharedGateway } from './gateway.ts'

/* Videos as clients see them: made by the simulator, and by upstreams that speak as OpenAI and Google do. */

/** What an upstream was asked, and what it is to say of its job: how often it is still at work, and how that ends. */
interface Upstream {
  readonly asked: { readonly method: string; readonly path: string; readonly key: string; readonly body: string }[]
  looks: number
  failure: object | undefined
  gone: boolean
  /** What it says of its job beside, at first and later; and what becomes of the bytes. */
  made: object
  lie: object
  bytes: 'there' | 'stalled' | 'too many'
  /** What has to happen before it takes a job on. */
  hold: Promise<void> | undefined
  /** Whether the gateway has let go of an answer that only leads on. */
  left: boolean
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  return Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString()
}

const upstream: Upstream = {
  asked: [],
  looks: 1,
  failure: undefined,
  gone: false,
  made: {},
  lie: {},
  bytes: 'there',
  hold: undefined,
  left: false,
}
const server = createServer((request, response) => {
  const path = request.url ?? ''
  const { headers, method = '' } = request
  const key = headers.authorization ?? String(headers['x-goog-api-key'] ?? '')
  void bodyOf(request).then(async (body) => {
    upstream.asked.push({ method, path, key, body })
    if (method === 'POST') await upstream.hold
    const json = (value: object, status = 200): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    }
    const isDone = upstream.looks <= 0
    if (upstream.gone) return json({ error: { message: 'no such job', code: 404 } }, 404)
    if (path === '/v1/videos/video_up/content' && upstream.bytes === 'stalled')
      return response.writeHead(200, { 'content-type': 'video/mp4' }).write('the first of them')
    if (path === '/v1/videos/video_up/content' && upstream.bytes === 'too many')
      return response.writeHead(200, { 'content-type': 'video/mp4' }).end(Buffer.alloc(mostBytes + 1))
    if (path === '/v1/videos/video_up/content')
      return response.writeHead(200, { 'content-type': 'video/mp4' }).end('\0\0\0\x18ftypmp42 of OpenAI')
    if (path.startsWith('/v1/videos')) {
      if (method === 'GET') upstream.looks -= 1
      const job = { id: 'video_up', object: 'video', model: 'sora-2', progress: isDone ? 100 : 40, seconds: '4' }
      const failed = upstream.failure !== undefined && isDone
      const status = method === 'POST' ? 'queued' : failed ? 'failed' : isDone ? 'completed' : 'in_progress'
      return json({
        ...job,
        status,
        size: '1280x720',
        error: failed ? upstream.failure : null,
        ...(method === 'POST' ? upstream.made : upstream.lie),
      })
    }
    const name = 'models/veo-3/operations/op-1'
    if (path === '/v1beta/models/veo-3:predictLongRunning') return json({ name })
    if (path === `/v1beta/${name}`) {
      upstream.looks -= 1
      if (!isDone) return json({ name, metadata: {} })
      const uri = `http://127.0.0.1:${port}/v1beta/files/f1:download?alt=media`
      return json({ name, done: true, response: { generateVideoResponse: { generatedSamples: [{ video: { uri } }] } } })
    }
    if (path.startsWith('/v1beta/files/f1')) {
      response.once('close', () => (upstream.left = true))
      // The rest of it never comes.
      return response.writeHead(302, { location: '/v1beta/moved' }).write('moved')
    }
    if (path === '/v1beta/moved')
      return response.writeHead(200, { 'content-type': 'video/mp4' }).end('\0\0\0\x18ftypmp42 of Google')
    json({ error: { message: 'unknown path' } }, 404)
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
afterAll(() => void server.close())

const key = 'the-key-of-videos'
const upstreamKey = 'canary4of7videos'
const mostBytes = 1_000_000
const rule = { permissions: ['models:use', 'requests:read', 'usage:read'], accounts: ['acme'] }
const gateway = await sharedGateway({
  config: {
    keys: [keyEntry('k', key, rule), keyEntry('other', 'another-key', { ...rule, accounts: ['other'] })],
    media: { max_file_bytes: mostBytes },
    videos: { poll: '20ms', lease: '1s' },
  },
  providers: () => [
    { name: 'sora', type: 'openai', base_url: `http://127.0.0.1:${port}/v1`, env_var: 'SORA_API_KEY' },
    { name: 'google', type: 'gemini', base_url: `http://127.0.0.1:${port}`, env_var: 'VEO_API_KEY' },
  ],
  env: { SORA_API_KEY: upstreamKey, VEO_API_KEY: 'k-veo' },
})
const client = openaiSdk(gateway, key)
const rpc = createClient(
  InferenceService,
  createConnectTransport({
    baseUrl: gateway.url,
    httpVersion: '1.1',
    interceptors: [(next) => (request) => (request.header.set('authorization', `Bearer ${key}`), next(request))],
  }),
)

function begin({
  looks = 1,
  failure,
  gone = false,
  made = {},
  lie = {},
  bytes = 'there',
  hold,
  left = false,
}: Partial<Omit<Upstream, 'asked'>> = {}): void {
  Object.assign(upstream, { looks, failure, gone, made, lie, bytes, hold, left })
  upstream.asked.length = 0
}

interface Generation {
  readonly id: string
  readonly status: string
  readonly data?: readonly { readonly url: string }[]
  readonly error?: { readonly code: string; readonly message: string }
}

async function generate(body: object): Promise<Generation> {
  const { status, json } = await askJson(`${gateway.url}/v1/videos/generations`, body, bearer(key))
  expect(status).toBe(200)
  return json as Generation
}

const at = (id: string): string => `${gateway.url}/v1/videos/generations/${id}`

async function ended(id: string): Promise<Generation> {
  const look = async (): Promise<Generation> => (await getJson(at(id), bearer(key))).json as Generation
  await expect.poll(async () => (await look()).status, { interval: 25 }).not.toMatch(/queued|in_progress/)
  return await look()
}

describe('a video of the simulator', () => {
  test('is begun, asked for, there by a link and by its id, paid by its seconds once, and forgotten', async () => {
    const begun = await generate({ model: 'simulator/video?ms=60', prompt: 'a cat', seconds: 2, size: '64x36', x: 1 })
    expect(begun).toMatchObject({ object: 'video.generation', status: 'queued', model: 'simulator/video?ms=60' })
    const done = await ended(begun.id)
    const bytes = Buffer.from(await (await fetch(done.data?.[0]?.url ?? '')).arrayBuffer())
    expect(bytes.subarray(0, 12).toString('latin1')).toMatch(/^RIFF.{4}AVI $/s)
    expect(bytes.readUInt32LE(4)).toBe(bytes.length - 8)
    const content = await fetch(`${at(begun.id)}/content`, { headers: bearer(key) })
    expect(content.headers.get('content-type')).toBe('video/x-msvideo')
    expect(Buffer.from(await content.arrayBuffer()).equals(bytes)).toBe(true)
    const usage = async (): Promise<unknown> =>
      (await getJson(`${gateway.url}/api/v1/inference/usage?limit=20`, bearer(key))).json
    await expect.poll(usage).toMatchObject({
      data: {
        requests: expect.arrayContaining([
          expect.objectContaining({ operation: 'video', costUsd: null, account: 'acme' }),
          expect.objectContaining({ operation: 'create_video', costUsd: 0, estimated: false }),
        ]),
      },
    })
    expect((await getJson(at(begun.id), bearer(key), 'DELETE')).json).toMatchObject({ deleted: true })
    expect((await fetch(done.data?.[0]?.url ?? '')).status).toBe(404)
  })

  test('that is withheld says so, and one that is cancelled stays so', async () => {
    const { id } = await generate({ model: 'simulator/video?fail', prompt: 'x' })
    expect(await ended(id)).toMatchObject({ status: 'failed', error: { code: 'content_filter' } })
    const slow = await generate({ model: 'simulator/video?ms=60000', prompt: 'x' })
    expect((await askJson(`${at(slow.id)}/cancel`, {}, bearer(key))).json).toMatchObject({ status: 'cancelled' })
    expect(await ended(slow.id)).toMatchObject({ status: 'cancelled' })
  })

  test.each([
    [{ prompt: 'x' }, 400, 'model'],
    [{ model: 'simulator/video' }, 400, 'prompt'],
    [{ model: 'simulator/video', prompt: 'x', seconds: -1 }, 400, 'seconds'],
    [{ model: 'simulator/video', prompt: 'x', seconds: 'long' }, 400, 'seconds'],
    [{ model: 'simulator/video', prompt: 'x', size: 'big' }, 400, 'size'],
    [
      { model: 'simulator/video', prompt: 'x', input_reference: { file_id: 'file-1' } },
      400,
      'input_reference.image_url',
    ],
    [{ model: 'simulator/lorem', prompt: 'x' }, 404, 'model'],
    [{ model: 'nobody', prompt: 'x' }, 404, 'model'],
  ])('is not begun by %j', async (body, status, param) => {
    const answered = await askJson(`${gateway.url}/v1/videos/generations`, body, bearer(key))
    expect(answered).toMatchObject({ status, json: { error: { param } } })
  })

  test('of another tenant is told from one that is not there by nothing', async () => {
    const { id } = await generate({ model: 'simulator/video?ms=60000', prompt: 'x' })
    const other = bearer('another-key')
    const missing = `video_${'0'.repeat(32)}`
    for (const [suffix, method] of [
      ['', 'GET'],
      ['/content', 'GET'],
      ['/cancel', 'POST'],
      ['', 'DELETE'],
    ] as const) {
      const [foreign, none] = await Promise.all([id, missing].map((one) => getJson(at(one) + suffix, other, method)))
      expect([foreign?.status, foreign?.text]).toEqual([404, none?.text])
    }
    expect((await getJson(`${gateway.url}/v1/videos`, other)).json).toMatchObject({ data: [] })
  })
})

describe("OpenAI's own API", () => {
  test('serves its SDK, with an upstream that speaks it too', async () => {
    begin({ looks: 2 })
    const picture = new File(['\x89PNG'], 'first.png', { type: 'image/png' })
    const asked = { model: 'sora/sora-2', prompt: 'a dog', seconds: '4', size: '1280x720', input_reference: picture }
    const begun = await client.videos.create(asked as never)
    expect(begun).toMatchObject({ object: 'video', status: 'queued', progress: 40 })
    const [sent] = upstream.asked
    expect(sent).toMatchObject({ method: 'POST', path: '/v1/videos', key: `Bearer ${upstreamKey}` })
    expect(JSON.parse(sent?.body ?? '')).toEqual({
      model: 'sora-2',
      prompt: 'a dog',
      seconds: '4',
      size: '1280x720',
      input_reference: { image_url: `data:image/png;base64,${Buffer.from('\x89PNG').toString('base64')}` },
    })
    await expect(client.videos.downloadContent(begun.id)).rejects.toBeInstanceOf(ConflictError)
    await expect.poll(async () => (await client.videos.retrieve(begun.id)).status, { interval: 25 }).toBe('completed')
    const content = await client.videos.downloadContent(begun.id)
    expect(await content.text()).toBe('\0\0\0\x18ftypmp42 of OpenAI')
    await expect(client.videos.downloadContent(begun.id, { variant: 'thumbnail' })).rejects.toMatchObject({
      status: 400,
      param: 'variant',
    })
    const [newest] = (await client.videos.list({ limit: 1 })).data
    expect(newest).toMatchObject({ id: begun.id, status: 'completed', seconds: '4' })
    const ids = async (order: 'asc' | 'desc'): Promise<string[]> =>
      (await Array.fromAsync(client.videos.list({ limit: 1, order }))).map(({ id }) => id)
    expect((await ids('asc')).at(-1)).toBe(begun.id)
    expect(await ids('asc')).toEqual((await ids('desc')).toReversed())
    expect(await client.videos.delete(begun.id)).toMatchObject({ deleted: true })
    await expect(client.videos.retrieve(begun.id)).rejects.toBeInstanceOf(NotFoundError)
  })

  test('tells why the upstream made none, and that it forgot one', async () => {
    begin({ looks: 0, failure: { code: 'moderation_blocked', message: 'not this; see https://up.example/x' } })
    const refused = await generate({ model: 'sora/sora-2', prompt: 'x' })
    const { error } = await ended(refused.id)
    expect(error?.code).toBe('moderation_blocked')
    expect(error?.message).not.toContain('up.example')
    begin({ looks: 99 })
    const forgotten = await generate({ model: 'sora/sora-2', prompt: 'x' })
    upstream.gone = true
    expect(await ended(forgotten.id)).toMatchObject({ status: 'failed', error: { code: 'not_found' } })
  })

  test('shows nobody a key that the upstream quotes, nor a reason that is no word', async () => {
    begin({ looks: 0, failure: { code: `for ${upstreamKey}`, message: `your key ${upstreamKey} has no credit` } })
    const { error } = await ended((await generate({ model: 'sora/sora-2', prompt: 'x' })).id)
    expect(error).toEqual({ code: 'provider_error', message: 'your key [credential] has no credit' })
    begin({
      looks: 99,
      lie: { id: '', error: { message: `your key ${upstreamKey} is bad`, type: 'invalid_request_error' } },
    })
    const { id } = await generate({ model: 'sora/sora-2', prompt: 'x' })
    await expect.poll(() => gateway.log()).toContain(`"video":"${id}"`)
    expect(gateway.log()).not.toContain(upstreamKey)
    await askJson(`${at(id)}/cancel`, {}, bearer(key))
  })

  test('keeps a video whose upstream says of it what cannot be', async () => {
    const lie = { seconds: '1e999', size: 'a\0b', progress: -7.5 }
    begin({ looks: 0, made: lie, lie })
    const { id } = await generate({ model: 'sora/sora-2', prompt: 'x', seconds: 4, size: '1280x720' })
    expect(await ended(id)).toMatchObject({ status: 'completed' })
    expect(await client.videos.retrieve(id)).toMatchObject({ seconds: '4', size: '1280x720' })
  })

  test.each(['', 'a\0b', '\u{d800}', 'x'.repeat(5000)])('is no answer where it names no video, case %#', async (id) => {
    begin({ made: { id } })
    const { status } = await askJson(
      `${gateway.url}/v1/videos/generations`,
      { model: 'sora/sora-2', prompt: 'x' },
      bearer(key),
    )
    expect(status).toBe(502)
  })

  test('fails once for bytes that are too many', async () => {
    begin({ looks: 0, bytes: 'too many' })
    const { id } = await generate({ model: 'sora/sora-2', prompt: 'x' })
    expect(await ended(id)).toMatchObject({ status: 'failed', error: { code: 'payload_too_large' } })
    expect(upstream.asked.filter(({ path }) => path.endsWith('/content'))).toHaveLength(1)
  })

  test('is asked again for bytes that stall, and keeps no other video waiting', async () => {
    begin({ looks: 0, bytes: 'stalled' })
    const stalled = await generate({ model: 'sora/sora-2', prompt: 'x' })
    const tries = (): number => upstream.asked.filter(({ path }) => path.endsWith('/content')).length
    await expect.poll(tries, { interval: 25 }).toBeGreaterThan(0)
    const { id } = await generate({ model: 'simulator/video', prompt: 'x' })
    // Nobody asks for either: a list leads to no look.
    const listed = async (): Promise<unknown> => {
      const { data } = (await getJson(`${gateway.url}/v1/videos`, bearer(key))).json as { data: Generation[] }
      return data.find((one) => one.id === id)?.status
    }
    await expect.poll(listed, { interval: 25 }).toBe('completed')
    await expect.poll(tries, { interval: 25 }).toBeGreaterThan(1)
    upstream.bytes = 'there'
    expect(await ended(stalled.id)).toMatchObject({ status: 'completed' })
  })

  test('ends a video at the upstream that its client cancels', async () => {
    begin({ looks: 99 })
    const { id } = await generate({ model: 'sora/sora-2', prompt: 'x' })
    await askJson(`${at(id)}/cancel`, {}, bearer(key))
    await expect.poll(() => upstream.asked.some(({ method }) => method === 'DELETE')).toBe(true)
  })

  test('ends a video at the upstream that was cancelled before the upstream had taken it on', async () => {
    const held = Promise.withResolvers<void>()
    begin({ looks: 99, hold: held.promise })
    const answered = generate({ model: 'sora/sora-2', prompt: 'x' })
    await expect.poll(() => upstream.asked.length).toBe(1)
    const [newest] = (await client.videos.list({ limit: 1 })).data
    const { json } = await askJson(`${at(newest?.id ?? '')}/cancel`, {}, bearer(key))
    expect(json).toMatchObject({ status: 'cancelled' })
    held.resolve()
    expect(await answered).toMatchObject({ id: newest?.id, status: 'cancelled' })
    await expect.poll(() => upstream.asked.some(({ method }) => method === 'DELETE')).toBe(true)
  })
})

test("Google's operations are followed, over RPC, and their bytes fetched with the key where that is shown to its own host alone", async () => {
  begin({ looks: 1 })
  const begun = await rpc.createVideo({ model: 'google/veo-3', prompt: 'a bird', size: '1280x720' })
  // An operation tells no length: what is paid for is what was asked for.
  expect(begun).toMatchObject({ status: JobStatus.QUEUED, seconds: 8 })
  expect(JSON.parse(upstream.asked[0]?.body ?? '')).toEqual({
    instances: [{ prompt: 'a bird' }],
    parameters: { aspectRatio: '16:9', durationSeconds: 8 },
  })
  await expect
    .poll(async () => (await rpc.getVideo({ id: begun.id })).status, { interval: 25 })
    .toBe(JobStatus.COMPLETED)
  const pieces = await Array.fromAsync(rpc.downloadVideo({ id: begun.id }))
  expect(Buffer.concat(pieces.map(({ data }) => data)).toString('latin1')).toBe('\0\0\0\x18ftypmp42 of Google')
  expect(pieces[0]?.mediaType).toBe('video/mp4')
  await expect.poll(() => upstream.left).toBe(true)
  expect(new Set(upstream.asked.map(({ key: shown }) => shown))).toEqual(new Set(['k-veo']))
  const { videos } = await rpc.listVideos({ limit: 1 })
  expect(videos[0]?.files[0]?.url).toContain('/media/file-')
  expect(await rpc.deleteVideo({ id: begun.id })).toMatchObject({ id: begun.id })
})

test('a gateway that is started again goes on with what another began', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'switchyard-videos-'))
  const choices = { dataDir, config: { videos: { poll: '20ms' } } }
  try {
    const first = await openGateway(choices)
    const asked = { model: 'simulator/video?ms=400', prompt: 'x' }
    const { json } = await askJson(`${first.url}/v1/videos/generations`, asked)
    const { id } = json as Generation
    await first[Symbol.asyncDispose]()
    await using second = await openGateway(choices)
    const look = async (): Promise<unknown> => (await getJson(`${second.url}/v1/videos/generations/${id}`)).json
    await expect.poll(look, { interval: 50 }).toMatchObject({ status: 'completed' })
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})
