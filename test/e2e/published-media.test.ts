import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { ask } from '../faults/client.ts'
import type { FaultyGateway } from '../faults/gateway.ts'
import { well } from '../faults/upstream.ts'
import { sharedGateway } from './gateway.ts'

/* Large media that a client sends inline, and providers that read URLs. */

const folder = mkdtempSync(join(tmpdir(), 'switchyard-published-'))
afterAll(() => rmSync(folder, { recursive: true }))

const publicUrl = 'https://gateway.example/base'
const media = { public_url: publicUrl, inline_limit_bytes: 4096, folder: join(folder, 'files') }
const linking = await sharedGateway({
  config: { media },
  providers: (url) => [{ name: 'local', type: 'ollama', base_url: url }],
})
const plain = await sharedGateway({ config: { media: { inline_limit_bytes: 4096 } } })
for (const { upstream } of [linking, plain]) upstream.answer('m', well)

const image = (size: number): Buffer => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), randomBytes(size)])
const large = image(100_000)

/** What the provider was sent for a picture, by a client of a format that is not its own. */
async function sent({ url, upstream }: FaultyGateway, picture: Buffer, model = 'up/m'): Promise<string> {
  const content = [
    { type: 'image_base64', image_base64: { data: picture.toString('base64'), media_type: 'image/png' } },
  ]
  const { status } = await ask(`${url}/v1/inference/chat`, { model, messages: [{ role: 'user', content }] })
  expect(status).toBe(200)
  const body = upstream.received().at(-1)?.body ?? '{}'
  return /"url":"([^"]*)"/.exec(body)?.[1] ?? ''
}

test('a large image is kept once, and the provider is sent a link to it, where it is served as it was', async () => {
  const url = await sent(linking, large)
  expect(url).toMatch(/^https:\/\/gateway\.example\/base\/media\/file-[0-9a-f]{32}\?expires=\d+&signature=[\w-]+$/)
  const served = await fetch(url.replace(publicUrl, linking.url))
  expect([served.status, served.headers.get('content-type')]).toEqual([200, 'image/png'])
  expect(Buffer.from(await served.arrayBuffer()).equals(large)).toBe(true)
  const again = await sent(linking, large)
  expect(new URL(again).pathname).toBe(new URL(url).pathname)
})

test('a small image is sent as it is, and so is a large one where nobody outside would find the gateway', async () => {
  const small = image(2000)
  expect(await sent(linking, small)).toBe(`data:image/png;base64,${small.toString('base64')}`)
  expect(await sent(plain, large)).toBe(`data:image/png;base64,${large.toString('base64')}`)
})

test("a client of the provider's own format keeps its words", async () => {
  const url = `data:image/png;base64,${large.toString('base64')}`
  const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }]
  await ask(`${linking.url}/v1/chat/completions`, { model: 'up/m', messages })
  expect(JSON.parse(linking.upstream.received().at(-1)?.body ?? '{}')).toMatchObject({ messages })
})

test('a provider that takes the bytes alone is sent them', async () => {
  const source = { case: 'data' as const, value: large }
  const parts = [{ kind: { case: 'image' as const, value: { source, mediaType: 'image/png' } } }]
  // The upstream answers in another format; what it was sent is all that counts.
  await linking.rpc.chat({ model: 'local/m', messages: [{ role: Role.USER, parts }] }).catch(() => undefined)
  expect(JSON.parse(linking.upstream.received().at(-1)?.body ?? '{}')).toMatchObject({
    messages: [{ images: [large.toString('base64')] }],
  })
})

test('where it cannot be kept it is sent as it is', async () => {
  const other = image(50_000)
  rmSync(media.folder, { recursive: true })
  writeFileSync(media.folder, 'no folder any more')
  expect(await sent(linking, other)).toBe(`data:image/png;base64,${other.toString('base64')}`)
  expect(linking.log()).toContain('large media cannot be kept')
})
