import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { create } from '@bufbuild/protobuf'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ChatRequest, ChatRequestSchema, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { fakeNetwork } from '../../test/guard/network.ts'
import { inlineAudio, linkedAudio, linkedFile, linkedImage, message, textPart, toolResult } from '../dialects/parts.ts'
import { fail, GatewayError } from '../error/index.ts'
import { createEgress, type Egress } from './egress.ts'
import { defaultMediaLimits, inlineMedia, MediaReader, withStandIns, withTrueTypes } from './media.ts'

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))
const png = bytes(`\x89PNG\r\n\x1a\n${'.'.repeat(2000)}`)
const wav = bytes('RIFF....WAVEfmt ')
const pdf = bytes('%PDF-1.7')

let port = 0
let server: Server
let egress: Egress
let hits: string[] = []
let answer: RequestListener
const network = fakeNetwork(
  {
    'a.example': ['93.184.215.14'],
    'inside.example': ['10.0.0.1'],
    'turning.example': [['93.184.215.14'], ['127.0.0.1']],
    'mixed.example': ['93.184.215.14', '::1'],
  },
  () => port,
)

beforeAll(async () => {
  server = createServer((request, response) => {
    hits.push(request.url ?? '')
    // So that each request dials.
    response.setHeader('connection', 'close')
    answer(request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  port = (server.address() as AddressInfo).port
  egress = createEgress({ connectTimeoutMs: 1000, ...network })
})
beforeEach(() => {
  hits = []
  network.dialled.length = 0
  network.asked.length = 0
  answer = (_request, response) => response.end(png)
})
afterAll(async () => {
  await egress.close()
  server.close()
  server.closeAllConnections()
})

const { signal } = new AbortController()
const asking = (...parts: ReturnType<typeof textPart>[]): ChatRequest =>
  create(ChatRequestSchema, { model: 'm', messages: [message(Role.USER, parts)] })
const image = (url: string, detail = ''): ReturnType<typeof textPart> => linkedImage(url, detail, 'x')
const all = (): boolean => true
const limited = (limits: Partial<typeof defaultMediaLimits>): MediaReader =>
  new MediaReader(egress, { ...defaultMediaLimits, ...limits })

/** What stands in the place of the URL of the first part. */
async function first(request: ChatRequest, media = new MediaReader(egress)) {
  const inlined = await media.inline(request, all, signal)
  const kind = inlined.request.messages[0]?.parts[0]?.kind
  if (kind?.case !== 'image' && kind?.case !== 'audio' && kind?.case !== 'file') throw new Error('it is no media')
  return kind.value
}

async function refusal(request: ChatRequest, media = new MediaReader(egress)): Promise<GatewayError> {
  try {
    await media.inline(request, all, signal)
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

/** The refusal of one image by this URL: it has to be the caller's fault, and to name the part. */
async function whyNot(url: string, media?: MediaReader): Promise<string> {
  const { reason, message: text, details } = await refusal(asking(textPart('?'), image(url)), media)
  const path = 'messages[0].parts[1]'
  expect([reason, details.param, text.startsWith(`${path}: `)]).toEqual(['invalid_request', path, true])
  return text.slice(path.length + 2)
}

describe('bytes stand in the place of', () => {
  test('an image, a sound and a file, with the types that they are of, wherever they stand', async () => {
    const bodies: Readonly<Record<string, Uint8Array>> = { '/a.jpg': png, '/s': wav, '/d/my%20file.pdf?x=1': pdf }
    answer = (request, response) => response.end(bodies[request.url ?? ''])
    const given = asking(
      image('https://a.example/a.jpg', 'low'),
      toolResult('c', [linkedAudio('http://a.example/s', 'x'), textPart('t')]),
      linkedFile('https://a.example:8443/d/my%20file.pdf?x=1#page=2', '', 'x'),
    )
    const before = structuredClone(given)
    const { request } = await inlineMedia(given, all, { egress, signal })
    expect(given).toEqual(before)
    expect(request.messages[0]?.parts).toMatchObject([
      { kind: { value: { source: { case: 'data', value: png }, mediaType: 'image/png', detail: 'low' } } },
      {
        kind: {
          value: {
            toolCallId: 'c',
            parts: [{ kind: { value: { source: { value: wav }, mediaType: 'audio/wav' } } }, textPart('t')],
          },
        },
      },
      { kind: { value: { source: { value: pdf }, mediaType: 'application/pdf', name: 'my file.pdf' } } },
    ])
    expect(network.dialled.toSorted()).toEqual(['93.184.215.14:443', '93.184.215.14:80', '93.184.215.14:8443'])
  })

  test('only what is named, and nothing is asked for the rest', async () => {
    const given = asking(image('https://a.example/a'), textPart('b'))
    expect((await new MediaReader(egress).inline(given, () => false, signal)).request).toBe(given)
    expect(hits).toEqual([])
  })

  test('a data: URL, without any network', async () => {
    const url = (value: string): ChatRequest =>
      create(ChatRequestSchema, {
        messages: [{ role: Role.USER, parts: [{ kind: { case: 'file', value: { source: { case: 'url', value } } } }] }],
      })
    const text = { mediaType: 'text/plain', source: { value: new TextEncoder().encode('hi there, é') } }
    expect(await first(url('data:text/plain;base64,aGkgdGhlcmUsIMOp'))).toMatchObject(text)
    expect(await first(url('data:text/plain;charset=utf-8,hi%20there,%20é'))).toMatchObject(text)
    expect((await refusal(url('data:text/plain;base64,?'))).message).toContain(
      'messages[0].parts[0] is not valid base64',
    )
    expect((await refusal(url('data:text/plain,%zz'))).message).toContain(
      'messages[0].parts[0] is not a valid data: URL',
    )
    expect(network.asked).toEqual([])
  })

  test('a URL once, however often it is named and however many targets are tried', async () => {
    const media = new MediaReader(egress)
    const given = asking(image('https://a.example/a'), image('https://a.example/a'), image('https://a.example/b'))
    await media.inline(given, all, signal)
    await media.inline({ ...given, model: 'other' }, all, signal)
    expect(hits.toSorted()).toEqual(['/a', '/b'])
    media.forget(given)
    await media.inline(given, all, signal)
    expect(hits.toSorted()).toEqual(['/a', '/a', '/b', '/b'])
  })

  test('what was packed although it was not to be', async () => {
    const codings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync }
    for (const [coding, pack] of Object.entries(codings)) {
      answer = (request, response) => {
        expect(request.headers['accept-encoding']).toBe('identity')
        response.writeHead(200, { 'content-encoding': coding }).end(pack(png))
      }
      expect((await first(asking(image(`https://a.example/${coding}`)))).source.value).toEqual(png)
    }
  })

  test('what a few redirects lead to, and nothing of the caller goes along', async () => {
    const steps: Readonly<Record<string, string>> = {
      '/1': '2?a=b',
      '/2?a=b': 'http://a.example/3',
      '/3': '//a.example/image.png',
    }
    answer = (request, response) => {
      const sent = Object.keys(request.headers).toSorted()
      expect(sent).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent'])
      const location = steps[request.url ?? '']
      if (location === undefined) response.end(png)
      else response.writeHead(302, { location }).end('moved')
    }
    expect(await first(asking(image('https://a.example/1')))).toMatchObject({ mediaType: 'image/png' })
    expect(hits).toEqual(['/1', '/2?a=b', '/3', '/image.png'])
  })
})

describe('a URL is refused', () => {
  const nowhere = 'the URL leads to no public address that answers'

  test.each([
    ['an address inside', 'http://10.0.0.1/'],
    ['a name that leads inside', 'https://inside.example/'],
    ['a name that leads inside, too', 'https://mixed.example/'],
    ['a name that leads nowhere', 'https://nowhere.example/'],
  ])('in the same words for %s', async (_what, url) => {
    expect(await whyNot(url)).toBe(nowhere)
    expect(network.dialled).toEqual([])
  })

  test('in those words, too, where nobody answers', async () => {
    const alone = fakeNetwork({ 'a.example': ['93.184.215.14'] })
    await using silent = Object.assign(createEgress({ connectTimeoutMs: 1000, ...alone }), {
      async [Symbol.asyncDispose]() {
        await silent.close()
      },
    })
    expect(await whyNot('https://a.example/', new MediaReader(silent))).toBe(nowhere)
    expect(alone.dialled).toEqual(['93.184.215.14:443'])
  })

  test.each(['http://10.0.0.1/', 'https://inside.example/', 'http://[::1]/', 'http://169.254.169.254/latest/'])(
    'that is redirected to %s, in words that do not tell it',
    async (location) => {
      answer = (_request, response) => response.writeHead(302, { location }).end()
      expect(await whyNot('https://a.example/')).toBe(nowhere)
      expect(network.dialled).toEqual(['93.184.215.14:443'])
    },
  )

  test('whose name leads elsewhere the second time', async () => {
    answer = (request, response) =>
      response.writeHead(302, { location: `http://turning.example${request.url ?? ''}x` }).end()
    expect(await whyNot('http://turning.example/')).toBe(nowhere)
    expect(network.dialled).toEqual(['93.184.215.14:80'])
  })

  test.each([
    ['ftp://a.example/a', 'only http and https URLs can be fetched'],
    ['s3://bucket/a', 'only http and https URLs can be fetched'],
    ['file:///etc/passwd', 'only http and https URLs can be fetched'],
    ['https://me:secret@a.example/', 'a URL with a user name cannot be fetched'],
  ])('%s', async (url, why) => {
    expect(await whyNot(url)).toBe(why)
    expect(network.asked).toEqual([])
  })

  test.each<readonly [string, RequestListener]>([
    ['its server answered 404', (_request, response) => void response.writeHead(404).end(png)],
    ['its server answered 302', (_request, response) => void response.writeHead(302).end()],
    [
      'it was redirected more than 3 times',
      (_request, response) => void response.writeHead(307, { location: '/x' }).end(),
    ],
    [
      'it was redirected to what is no URL',
      (_request, response) => void response.writeHead(301, { location: 'http://' }).end(),
    ],
    [
      "its server's answer broke off",
      (_request, response) => {
        response.writeHead(200, { 'content-length': 5000 }).write(png)
        setTimeout(() => response.destroy(), 20)
      },
    ],
    [
      'it is packed in a way that is not known',
      (_request, response) => void response.writeHead(200, { 'content-encoding': 'rot13' }).end(png),
    ],
    [
      'it is packed, and cannot be unpacked',
      (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(png),
    ],
  ])('where %s', async (why, listener) => {
    answer = listener
    expect(await whyNot('https://a.example/')).toBe(`the URL cannot be fetched: ${why}`)
  })

  test.each<readonly [string, RequestListener]>([
    ['says so', (_request, response) => void response.writeHead(200, { 'content-length': 50_000 }).write(png)],
    ['does not say so', (_request, response) => void response.write(Buffer.alloc(30_000))],
    [
      'unpacks to more',
      (_request, response) =>
        void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1e7))),
    ],
  ])('that leads to more than the limit, where its server %s', async (_what, listener) => {
    answer = listener
    const why = 'the URL cannot be fetched: it holds more than 20000 bytes'
    expect(await whyNot('https://a.example/', limited({ bytes: 20_000 }))).toBe(why)
  })

  test('with all others, where they lead to too much together', async () => {
    const given = asking(image('https://a.example/a'), image('https://a.example/b'), image('https://a.example/c'))
    const error = await refusal(given, limited({ totalBytes: 3 * png.length - 1 }))
    expect(error.message).toMatch(/^messages\[0\]\.parts\[\d\]: the URLs of the request hold more than \d+ bytes$/)
  })

  test('for a moment, where others hold too much', async () => {
    const media = limited({ heldBytes: 3 * png.length - 1 })
    const [one, other] = [
      asking(image('https://a.example/a'), image('https://a.example/b')),
      asking(image('https://a.example/c')),
    ]
    await media.inline(one, all, signal)
    const error = await refusal(other, media)
    expect([error.reason, error.retryable]).toEqual(['overloaded', true])
    media.forget(other)
    media.forget(one)
    media.forget(one)
    await media.inline(other, all, signal)
    media.forget(other)
    // What is let go of is let go of once.
    const three = asking(...['a', 'b', 'c'].map((name) => image(`https://a.example/${name}`)))
    expect((await refusal(three, media)).reason).toBe('overloaded')
  })

  test('where there are too many, and none of them is asked for', async () => {
    const given = asking(image('https://a.example/a'), image('https://a.example/a'), image('https://a.example/b'))
    const error = await refusal(given, limited({ count: 1 }))
    expect(error.message).toBe('messages[0].parts[0]: more than 1 URLs would have to be fetched')
    expect(hits).toEqual([])
    expect((await refusal(asking(image('https://a.example/a')), limited({ count: 0 }))).reason).toBe('invalid_request')
  })

  test('that takes too long', async () => {
    answer = (_request, response) => void response.write(png)
    expect(await whyNot('https://a.example/', limited({ timeoutMs: 60 }))).toBe('the URL could not be fetched in time')
  })

  test.each([
    ['image', image('https://a.example/'), 'an image'],
    ['sound', linkedAudio('https://a.example/', 'x'), 'sound'],
  ])('that does not lead to the %s it should', async (_what, part, wanted) => {
    answer = (_request, response) => response.writeHead(200, { 'content-type': 'image/png' }).end('<!doctype html>')
    const error = await refusal(asking(part))
    expect([error.message, error.details.param]).toEqual([
      `messages[0].parts[0]: the URL does not lead to ${wanted}`,
      'messages[0].parts[0]',
    ])
  })
})

test('a caller who leaves ends the fetching, and hears its own reason', async () => {
  const leaving = new AbortController()
  const reason = fail('client_closed', 'gone')
  const closed = new Promise<void>((resolve) => {
    answer = (request, response) => {
      request.socket.once('close', () => resolve())
      response.write(png)
      leaving.abort(reason)
    }
  })
  const inlining = new MediaReader(egress).inline(asking(image('https://a.example/')), all, leaving.signal)
  await expect(inlining).rejects.toBe(reason)
  await closed
})

test('inline images are called what they are, and anything else what the client called it', () => {
  const data = (kind: 'image' | 'audio' | 'file', value: Uint8Array, mediaType: string) => ({
    kind: { case: kind, value: { source: { case: 'data' as const, value }, mediaType } },
  })
  const typesOf = (request: ChatRequest): unknown[] =>
    request.messages[0]?.parts.map(({ kind }) => (kind.value as { mediaType: string }).mediaType) ?? []
  const given = create(ChatRequestSchema, {
    messages: [
      {
        role: Role.USER,
        parts: [
          data('image', png, 'image/jpeg'),
          data('image', bytes('\xff\xd8\xff'), 'image/jpg'),
          data('image', png, 'image/png'),
          data('image', bytes('AAAA'), 'image/webp'),
          data('image', pdf, 'image/webp'),
          data('audio', wav, 'audio/x-wav'),
          data('file', png, 'application/pdf'),
        ],
      },
    ],
  })
  const kept = ['image/png', 'image/webp', 'image/webp', 'audio/x-wav', 'application/pdf']
  expect(typesOf(withTrueTypes(given))).toEqual(['image/png', 'image/jpeg', ...kept])
  expect(typesOf(given)).toEqual(['image/jpeg', 'image/jpg', ...kept])
})

test('to learn what can be carried nothing is fetched: empty bytes stand in the place of URLs', () => {
  const given = asking(
    image('https://a.example/a'),
    linkedFile('https://a.example/b', 'b', 'x'),
    inlineAudio('AAAA', 'audio/wav', 'x'),
  )
  expect(withStandIns(given, ({ kind }) => kind === 'image').messages[0]?.parts).toMatchObject([
    { kind: { value: { source: { case: 'data', value: new Uint8Array() }, mediaType: 'image/png' } } },
    { kind: { value: { source: { case: 'url', value: 'https://a.example/b' } } } },
    { kind: { value: { mediaType: 'audio/wav' } } },
  ])
})
