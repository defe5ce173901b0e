import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { Code, ConnectError } from '@connectrpc/connect'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { serverDialects } from '../../src/dialects/servers.ts'
import { isPublicAddress } from '../../src/provider/egress.ts'
import { ask } from '../faults/client.ts'
import { sharedGateway } from '../e2e/gateway.ts'
import { names, publicAddress, refusedUrls, someRefusedUrls } from './addresses.ts'
import { fakeNetwork } from './network.ts'
import { forgottenPlaces, placesOfUrls, readersOfUrls, type Surface, surfaces } from './surfaces.ts'

/** What the public address answers: a redirect to what its query says. */
const outside = createServer((request, response) => {
  const to = new URL(request.url ?? '', 'http://outside').searchParams.get('to')
  // As bytes: a header may hold no other characters.
  const location = to === null ? {} : { location: Buffer.from(to).toString('latin1') }
  response.writeHead(302, { ...location, connection: 'close' }).end()
})
await once(outside.listen(0, '127.0.0.1'), 'listening')
afterAll(() => void outside.close())

const network = fakeNetwork(names, () => (outside.address() as AddressInfo).port)
const provider = (type: string, more: object = {}) => ({ name: type, type, base_url: 'http://192.0.2.200', ...more })
const { url: gateway, rpc } = await sharedGateway({
  network,
  alone: true,
  config: { ledger: { enabled: false }, batches: { poll: '100ms' }, log: { level: 'silent' } },
  providers: () => [
    provider('ollama'),
    provider('openai', { env_var: 'UP_API_KEY' }),
    provider('gemini', { env_var: 'UP_API_KEY' }),
    provider('vertex', { settings: { project: 'p', access_token: 'token' } }),
  ],
})

beforeEach(() => {
  network.dialled.length = 0
  network.asked.length = 0
})

/** How each dialect says that the caller is at fault. */
const faultOf: Readonly<Record<string, (body: Record<string, Record<string, unknown> & string>) => unknown>> = {
  openai: ({ error }) => error?.['type'] === 'invalid_request_error' && error['message'],
  responses: ({ error }) => error?.['type'] === 'invalid_request_error' && error['message'],
  anthropic: ({ error }) => error?.['type'] === 'invalid_request_error' && error['message'],
  gemini: ({ error }) => error?.['status'] === 'INVALID_ARGUMENT' && error['message'],
  platform: ({ error }) => error?.['code'] === 'BAD_REQUEST' && error['message'],
  scaigrid: ({ error }) => error?.['code'] === 'invalid_request' && error['message'],
  // A list of what is wrong with fields, with the status 422, where no URL can be told from bytes.
  sgp: ({ detail }) => (Array.isArray(detail) ? JSON.stringify(detail) : detail),
  rpc: ({ code, message }) => code === 'invalid_argument' && message,
}

/** The dialect that a path belongs to: the longest base wins, but for Google's paths, which end in a method and stand in `/v1` as well. */
function dialectOf(path: string): string {
  if (path.startsWith('/switchyard.v1.')) return 'rpc'
  if (/:\w+$/.test(path)) return 'gemini'
  const bases = serverDialects.filter(({ base }) => path === base || path.startsWith(`${base}/`))
  return bases.toSorted((one, other) => other.base.length - one.base.length)[0]?.name ?? 'nobody'
}

/** Why a job failed that was taken in. */
async function failure(id: string): Promise<string> {
  for (let turn = 0; turn < 1000; turn++) {
    const { text } = await ask(`${gateway}/switchyard.v1.BatchService/GetBatch`, { id })
    const { status, errorMessage = '' } = JSON.parse(text) as { status: string; errorMessage?: string }
    if (status === 'BATCH_STATUS_FAILED') return errorMessage
    await setTimeout(20)
  }
  throw new Error(`the job ${id} did not fail`)
}

/**
 * Asks with the URL, and gives the words of the refusal: a 400 in the caller's own dialect, or the failure of a job that was taken in.
 */
async function refusal({ name, path, body, isJob }: Surface, url: string): Promise<string> {
  const { status, text } = await ask(gateway + path, body(url))
  if (isJob && status === 200) return failure(/"(batch_[0-9a-f]{32})"/.exec(text)?.[1] ?? text)
  const words = faultOf[dialectOf(path)]?.(JSON.parse(text) as Parameters<NonNullable<(typeof faultOf)[string]>>[0])
  expect([name, url, status === 422 && path === '/v5/inference' ? 400 : status, typeof words], text).toEqual([
    name,
    url,
    400,
    'string',
  ])
  return String(words)
}

describe('a URL that leads to no public address', () => {
  test.each(surfaces)('is refused and never connected to, named at $name', async (surface) => {
    const isOtherName = surface.path.startsWith('/v1/models/')
    const urls = isOtherName ? someRefusedUrls : refusedUrls
    // A name that leads nowhere today may lead somewhere as long as a job lasts.
    const firm = urls.filter((url) => !url.includes('nowhere'))
    if (surface.isJob) await Promise.all(firm.map((url) => refusal(surface, url)))
    else for (const url of urls) await refusal(surface, url)
    expect(network.dialled).toEqual([])
  })

  test.each(surfaces)('is not followed where a public one redirects to it, named at $name', async (surface) => {
    const asked = someRefusedUrls.map((url) => `https://public.example/?to=${encodeURIComponent(url)}`)
    if (surface.isJob) await Promise.all(asked.map((url) => refusal(surface, url)))
    else for (const url of asked) await refusal(surface, url)
    expect(new Set(network.dialled)).toEqual(new Set([`${publicAddress}:443`]))
  })

  test('is not followed, whichever it is', async () => {
    const surface = surfaces.find(({ name }) => name.includes('InferenceService/Chat'))
    if (surface === undefined) throw new Error('there is no such surface')
    for (const url of refusedUrls) await refusal(surface, `https://public.example/?to=${encodeURIComponent(url)}`)
    expect(new Set(network.dialled)).toEqual(new Set([`${publicAddress}:443`]))
  })
})

test('over gRPC it is INVALID_ARGUMENT', async () => {
  const image = { source: { case: 'url' as const, value: 'http://inside.example/' } }
  const messages = [{ role: Role.USER, parts: [{ kind: { case: 'image' as const, value: image } }] }]
  const error = await rpc.chat({ model: 'ollama/m', messages }).catch((thrown: unknown) => ConnectError.from(thrown))
  expect(error).toMatchObject({ code: Code.InvalidArgument })
  expect(network.dialled).toEqual([])
})

test('a name that leads elsewhere the second time is dialled once, where it led first', async () => {
  const [surface] = surfaces
  if (surface === undefined) throw new Error('there is no surface')
  await refusal(surface, `https://turning.example/?to=${encodeURIComponent('https://turning.example/')}`)
  expect([network.asked, network.dialled]).toEqual([['turning.example', 'turning.example'], [`${publicAddress}:443`]])
})

describe('the table', () => {
  test('is of sixty addresses and more, and none of those in figures is public', () => {
    expect(new Set(refusedUrls).size).toBe(refusedUrls.length)
    expect(refusedUrls.length).toBeGreaterThanOrEqual(60)
    expect(isPublicAddress(publicAddress)).toBe(true)
  })

  test('is asked of every surface by all dialects and over RPC, and each of them would have connected', async () => {
    const dialects = new Set(surfaces.map(({ path }) => dialectOf(path)))
    expect([...dialects].toSorted()).toEqual([...serverDialects.map(({ name }) => name), 'rpc'].toSorted())
    for (const surface of surfaces) {
      network.dialled.length = 0
      expect(await refusal(surface, 'https://public.example/')).toMatch(/server .*answered 302/)
      expect([surface.name, new Set(network.dialled)]).toEqual([surface.name, new Set([`${publicAddress}:443`])])
    }
  })

  test('has every place of the published documents that takes a URL', () => {
    expect(placesOfUrls().length).toBeGreaterThan(30)
    expect(forgottenPlaces()).toEqual([])
  })

  test('has every place that the sources read a URL at: one more there is one more surface, or a reason why it is none', () => {
    expect(readersOfUrls()).toEqual({
      'src/dialects/anthropic/decode-blocks.ts': 2,
      'src/dialects/gemini/decode-parts.ts': 3,
      'src/dialects/openai/decode-messages.ts': 3,
      // Sent on, and never read.
      'src/dialects/openai/video-server.ts': 1,
      'src/dialects/platform/decode-request.ts': 2,
      'src/dialects/responses/decode-input.ts': 2,
      'src/dialects/scaigrid/decode-request.ts': 2,
      'src/jobs/places.ts': 1,
      // Where all but jobs lead.
      'src/provider/egress.ts': 2,
      'src/provider/media-fetch.ts': 1,
      'src/provider/media.ts': 1,
      // What an upstream gave, and no client.
      'src/provider/upstream-video.ts': 1,
    })
  })
})
