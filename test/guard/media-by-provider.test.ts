import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { GatewayError, type Part } from '#provider'
import { decodeRequest as decodeMessages } from '../../src/dialects/anthropic/decode-request.ts'
import { parseBody } from '../../src/dialects/json.ts'
import { decodeRequest as decodeCompletion } from '../../src/dialects/openai/decode-request.ts'
import { linkedAudio, linkedFile, linkedImage, message, textPart } from '../../src/dialects/parts.ts'
import { emptyChatRequest } from '../../src/model/request.ts'
import type { Egress } from '../../src/provider/egress.ts'
import { loadPlugins } from '../../src/provider/load.ts'
import { answerOf, jsonAnswer } from '../conformance/exchange.ts'
import { open, surroundingsOf, type Way, waysOf } from '../conformance/ways.ts'

const place = 'https://media.example/thing'
const contents = {
  image: Buffer.from('\x89PNG\r\n\x1a\n....', 'latin1'),
  audio: Buffer.from('RIFF....WAVEfmt '),
  file: Buffer.from('%PDF-1.7 of a few words'),
}
type Kind = keyof typeof contents

const parts: Readonly<Record<Kind, Part>> = {
  image: linkedImage(place, '', 'x'),
  audio: linkedAudio(place, 'x'),
  file: linkedFile(place, 'a.pdf', 'x'),
}

/** How a piece that was given by URL came to an upstream. */
type Carried = 'url' | 'bytes' | 'refused'

interface Sent {
  readonly body: string
  readonly fetched: readonly string[]
  readonly error: unknown
}

async function send(way: Way, request: ChatRequest, bytes: Buffer): Promise<Sent> {
  const bodies: string[] = []
  const fetched: string[] = []
  const egress: Egress = {
    send: async ({ body = '' }) => {
      bodies.push(Buffer.from(body).toString())
      return jsonAnswer(404, '{}')
    },
    sendGuarded: async ({ url }) => {
      fetched.push(url)
      return answerOf(200, {}, [bytes])
    },
    close: async () => {},
  }
  const provider = await open(way, egress)
  const { signal } = new AbortController()
  const context = { ...surroundingsOf(egress), signal, streaming: false, requestId: 'r' }
  try {
    for await (const _event of provider.chat?.(request, context) ?? []);
  } catch (error) {
    return { body: bodies.join(''), fetched, error }
  }
  throw new Error('it was answered')
}

/** How one kind of piece is carried. It has to be carried, or to be refused by its name: in strict mode nothing may be lost. */
async function carried(way: Way, kind: Kind): Promise<Carried> {
  const request = { ...emptyChatRequest(`${way.prefix}model`), strict: true }
  request.messages = [message(Role.USER, [parts[kind], textPart('What is this?')])]
  const { body, fetched, error } = await send(way, request, contents[kind])
  const hasUrl = body.includes(place)
  const hasBytes = body.includes(contents[kind].toString('base64'))
  if (hasUrl && !hasBytes && fetched.length === 0) return 'url'
  if (hasBytes && !hasUrl && fetched.length === 1) return 'bytes'
  expect([body, fetched, error]).toEqual(['', [], expect.any(GatewayError)])
  expect((error as GatewayError).details.param).toBe('messages[0].parts[0]')
  return 'refused'
}

const { plugins } = await allPlugins()
const ways = (await Promise.all(plugins.map((plugin) => waysOf(plugin)))).flat()

async function allPlugins() {
  const loaded = await loadPlugins({ builtIn: new URL('../../plugins/', import.meta.url), named: [], baseDir: '.' })
  return { plugins: [...loaded.values()] }
}

const usual: Readonly<Record<string, readonly [Carried, Carried, Carried]>> = {
  anthropic: ['url', 'refused', 'url'],
  bedrock: ['bytes', 'refused', 'bytes'],
  cohere: ['url', 'refused', 'refused'],
  gemini: ['bytes', 'bytes', 'bytes'],
  ollama: ['bytes', 'refused', 'refused'],
  openai: ['url', 'bytes', 'bytes'],
  responses: ['url', 'bytes', 'url'],
}
const otherwise: Readonly<Record<string, readonly [Carried, Carried, Carried]>> = {
  'mistral openai': ['url', 'url', 'bytes'],
  'openrouter openai': ['url', 'bytes', 'url'],
  'moonshot openai': ['bytes', 'bytes', 'bytes'],
  'lmstudio openai': ['bytes', 'bytes', 'bytes'],
  'ollama openai': ['bytes', 'bytes', 'bytes'],
  'vertex anthropic': ['bytes', 'refused', 'bytes'],
}

test('every provider reads a URL itself, or is sent the bytes, or the part is refused by name', async () => {
  const table = await Promise.all(
    ways.map(async (way) => {
      const name = `${way.plugin.manifest.type} ${way.format}`
      const kinds = await Promise.all((['image', 'audio', 'file'] as const).map((kind) => carried(way, kind)))
      return [name, way.format, kinds] as const
    }),
  )
  expect(table.length).toBeGreaterThan(30)
  for (const [name, format, kinds] of table) expect([name, kinds]).toEqual([name, otherwise[name] ?? usual[format]])
  const names = new Set(table.map(([name]) => name))
  expect(Object.keys(otherwise).filter((name) => !names.has(name))).toEqual([])
})

test('a client of the same format keeps its words, but for URLs that the vendor does not read', async () => {
  const wayOf = (name: string): Way => {
    const found = ways.find(({ plugin, format }) => `${plugin.manifest.type} ${format}` === name)
    if (found === undefined) throw new Error(`${name} is gone`)
    return found
  }
  const bytes = contents.image.toString('base64')
  const completion = (url: string, other: string): string =>
    JSON.stringify({
      model: 'model',
      mood: 1,
      messages: [
        { role: 'system', content: place },
        {
          role: 'user',
          content: [
            { type: 'text', text: place },
            { type: 'image_url', image_url: { url, detail: 'low' } },
            { type: 'image_url', image_url: other },
          ],
        },
      ],
    })
  const { request } = decodeCompletion(parseBody(completion(place, place), true))
  const data = `data:image/png;base64,${bytes}`
  const sent = await send(wayOf('moonshot openai'), request, contents.image)
  expect([sent.fetched, JSON.parse(sent.body)]).toEqual([[place], JSON.parse(completion(data, data))])
  expect((await send(wayOf('openai openai'), request, contents.image)).body).toBe(completion(place, place))

  const messages = (source: object): object => ({
    max_tokens: 9,
    mood: 1,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: place },
          { type: 'tool_result', tool_use_id: 'c', content: [{ type: 'image', source }] },
          { type: 'image', source, cache_control: { type: 'ephemeral' } },
        ],
      },
    ],
  })
  const asked = JSON.stringify({ model: 'claude-model', ...messages({ type: 'url', url: place }) })
  const decoded = decodeMessages(parseBody(asked, true), { header: () => undefined })
  const onVertex = await send(wayOf('vertex anthropic'), decoded.request, contents.image)
  const inline = { type: 'base64', media_type: 'image/png', data: bytes }
  expect([onVertex.fetched, JSON.parse(onVertex.body)]).toEqual([
    [place],
    { ...messages(inline), anthropic_version: 'vertex-2023-10-16' },
  ])
})
