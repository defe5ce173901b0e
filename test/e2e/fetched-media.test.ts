import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { ask } from '../faults/client.ts'
import { status } from '../faults/upstream.ts'
import { fakeNetwork } from '../guard/network.ts'
import { sharedGateway } from './gateway.ts'

/* URLs of media, and providers of which some read them and some take the bytes alone. */

const png = Buffer.from('\x89PNG\r\n\x1a\n of nothing', 'latin1')
const hits: string[] = []
const outside = createServer((request, response) => {
  hits.push(request.url ?? '')
  response.end(request.url === '/page' ? '<!doctype html>' : png)
})
await once(outside.listen(0, '127.0.0.1'), 'listening')
afterAll(() => void outside.close())

const network = fakeNetwork({ 'media.example': ['93.184.215.14'] }, (dialled) =>
  dialled.startsWith('127.0.0.1:')
    ? Number(dialled.slice('127.0.0.1:'.length))
    : (outside.address() as AddressInfo).port,
)
const gateway = await sharedGateway({
  network,
  providers: (base) => [
    { name: 'bytes', type: 'moonshot', base_url: base },
    { name: 'local', type: 'ollama', base_url: base },
  ],
  config: {
    aliases: { both: ['bytes/down', 'local/well'], reading: ['up/down', 'local/well'], only: ['up/well'] },
  },
})
const { url, upstream } = gateway
const answer = { model: 'well', message: { role: 'assistant', content: 'a picture' }, done: true, done_reason: 'stop' }
upstream.answer('well', status(200, { ...answer, prompt_eval_count: 3, eval_count: 2 }))
upstream.answer('down', status(503, { error: { message: 'down' } }))
beforeEach(() => void (hits.length = 0))

const place = 'https://media.example/a.png'
const content = [
  { type: 'image', source: { type: 'url', url: place } },
  { type: 'text', text: 'What is this?' },
]

/** What came of a question with a picture, and what each of the upstreams was sent. */
async function look(model: string, given: readonly object[] = content) {
  const before = upstream.received().length
  const answered = await ask(`${url}/v1/messages`, {
    model,
    max_tokens: 9,
    messages: [{ role: 'user', content: given }],
  })
  const sent = upstream
    .received()
    .slice(before)
    .map(({ model: asked, body }) => [
      asked,
      body.includes(place) ? 'url' : body.includes(png.toString('base64')) ? 'bytes' : 'nothing',
    ])
  return { ...answered, sent }
}

test('a URL is fetched once, however many providers are tried that take the bytes', async () => {
  const { status: code, sent, headers } = await look('both')
  expect([code, sent, hits]).toEqual([
    200,
    [
      ['down', 'bytes'],
      ['well', 'bytes'],
    ],
    ['/a.png'],
  ])
  const [line] = await gateway.settled(String(headers['request-id'] ?? headers['x-request-id']))
  expect(JSON.stringify(line)).not.toContain('media.example')
})

test('it is fetched only when a provider is tried that does not read it', async () => {
  const { sent } = await look('reading')
  expect([sent, hits]).toEqual([
    [
      ['down', 'url'],
      ['well', 'bytes'],
    ],
    ['/a.png'],
  ])
})

test('a provider that reads it is sent the URL', async () => {
  const { sent } = await look('only')
  expect([sent, hits]).toEqual([[['well', 'url']], []])
})

test('what is no picture is refused in words of the caller, naming the part, before any provider is asked', async () => {
  const page = { type: 'image', source: { type: 'url', url: 'https://media.example/page' } }
  const { status: code, text, sent } = await look('both', [{ type: 'text', text: 'Look' }, page])
  expect([code, sent, JSON.parse(text)]).toMatchObject([
    400,
    [],
    {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'messages[0].parts[1]: the URL does not lead to an image' },
    },
  ])
})
