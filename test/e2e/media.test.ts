import { readdirSync, rmSync, truncateSync } from 'node:fs'
import { mkdtempSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openFolderBlobs } from '../../src/store/blobs/folder.ts'
import { type Files, openFiles } from '../../src/files/open.ts'
import { serveMedia } from '../../src/server/media.ts'
import { openPort, type Port, portLimits } from '../../src/server/port.ts'
import { openStore } from '../../src/store/open.ts'
import type { FileRow, Store } from '../../src/store/contract.ts'

/* Files that are served by link, over both versions of HTTP, from a real store and folder. */

const nothing = () => undefined
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const folder = mkdtempSync(join(tmpdir(), 'switchyard-media-'))
let store: Store
let files: Files
let port: Port
let url: string

beforeAll(async () => {
  store = await openStore(join(folder, 'switchyard.db'))
  files = await openFiles({
    store: store.files,
    blobs: await openFolderBlobs(join(folder, 'files')),
    maxBytes: 64 * 1024 * 1024,
    keptMs: Infinity,
    linkKeys: [],
    folder,
    linkSeconds: 60,
    inlineLimit: 1024,
    log,
  })
  const app = Fastify({ exposeHeadRoutes: true })
  serveMedia(app, { open: (id, query) => files.linked(id, query), writeMs: 5000 })
  await app.ready()
  type Routed = Parameters<typeof app.routing>
  const handler = (request: unknown, response: unknown): void => {
    app.routing(request as Routed[0], response as Routed[1])
  }
  port = await openPort({ host: '127.0.0.1', port: 0, handler, limits: portLimits, log })
  url = `http://127.0.0.1:${port.port}`
})
afterAll(async () => {
  await port.drain(0)
  await files.close()
  await store.close()
  rmSync(folder, { recursive: true })
})

async function keep(content: string | Buffer, mediaType = 'text/plain', more: object = {}): Promise<FileRow> {
  async function* bytes(): AsyncGenerator<Uint8Array, void, void> {
    yield Buffer.from(content)
  }
  return await files.vault.keep('acme', { name: 'a.txt', purpose: 'user_data', mediaType, ...more }, bytes())
}

async function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const answer = await fetch(`${url}${path}`, { method, headers })
  return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() }
}

describe('a link', () => {
  test('gives the file, its type and its length, to whoever has it', async () => {
    const file = await keep('hello')
    const { status, headers, text } = await get(files.links.urlOf(file))
    expect([status, text]).toEqual([200, 'hello'])
    expect(headers).toMatchObject({
      'content-type': 'text/plain',
      'content-length': '5',
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
      etag: `"${file.sha256}"`,
    })
    const head = await get(files.links.urlOf(file), {}, 'HEAD')
    expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', '5'])
    expect((await get(files.links.urlOf(await keep('')))).text).toBe('')
  })

  test('that is missing, over, forged or of a removed file is answered in the very same bytes', async () => {
    const file = await keep('hello')
    const good = files.links.urlOf(file)
    const gone = await keep('hello')
    const expired = await keep('hello', 'text/plain', { expires: Date.now() - 1000 })
    await files.vault.remove(gone.id, 'all')
    const lost = await keep('lost')
    const path = readdirSync(join(folder, 'files'), { recursive: true, encoding: 'utf8' }).find((name) =>
      name.endsWith(lost.blob),
    )
    rmSync(join(folder, 'files', path ?? ''))
    const answers = await Promise.all(
      [
        files.links.urlOf({ id: `file-${'0'.repeat(32)}`, expires: undefined }),
        files.links.urlOf(gone),
        files.links.urlOf(lost),
        files.links.urlOf(expired),
        good.replace(/signature=./, 'signature=!'),
        good.replace(/expires=\d/, 'expires=9'),
        `/media/${file.id}`,
        '/media/..%2f..%2fetc%2fpasswd',
      ].map(async (link) => await get(link)),
    )
    const [first] = answers
    expect(first).toMatchObject({
      status: 404,
      text: '{"error":{"reason":"not_found","message":"there is no such file"}}',
    })
    const seen = answers.map(({ headers, ...rest }) => ({ ...rest, headers: { ...headers, date: '' } }))
    for (const answer of seen) expect(answer).toEqual(seen[0])
    expect(await get(`/media/${file.id}`, {}, 'HEAD')).toMatchObject({ status: 404, text: '' })
  })

  test.each([
    ['image/png', 'inline'],
    ['audio/mpeg', 'inline'],
    ['video/mp4', 'inline'],
    ['application/json', 'inline'],
    ['text/plain; charset=utf-8', 'inline'],
    ['text/html', 'attachment'],
    ['image/svg+xml', 'attachment'],
    ['application/xhtml+xml', 'attachment'],
    ['text/xml', 'attachment'],
    ['text/javascript', 'attachment'],
    ['application/pdf', 'attachment'],
    ['text/plainer', 'attachment'],
    ['application/octet-stream', 'attachment'],
  ])('to %s is %s', async (type, how) => {
    const { headers } = await get(files.links.urlOf(await keep('x', type, { name: '' })))
    expect([headers['content-type'], headers['content-disposition']]).toEqual([type, how])
  })

  test('names the file in a way that no name can break', async () => {
    const name = `../"a"; filename=b\r\nset-cookie: c=d é\ud800*'`
    const { headers } = await get(files.links.urlOf(await keep('x', 'text/plain', { name })))
    expect(headers['content-disposition']).toBe(
      "inline; filename*=UTF-8''..%2F%22a%22%3B%20filename%3Db%0D%0Aset-cookie%3A%20c%3Dd%20%C3%A9%EF%BF%BD%2A%27",
    )
    expect(headers['set-cookie']).toBeUndefined()
  })

  test.each([
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ['bytes=2-5', 206, '2345', 'bytes 2-5/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=5-2', 200, '0123456789', undefined],
    ['bytes=0-1,4-5', 200, '0123456789', undefined],
    ['bytes=', 200, '0123456789', undefined],
    ['lines=1-2', 200, '0123456789', undefined],
  ])('asked for %s answers %i %j', async (range, status, text, contentRange) => {
    const answer = await get(files.links.urlOf(await keep('0123456789')), { range })
    expect([answer.status, answer.text, answer.headers['content-range']]).toEqual([status, text, contentRange])
    expect(answer.headers['content-length']).toBe(String(text.length))
  })

  test('gives a range only of the file that the client has the beginning of', async () => {
    const file = await keep('0123456789')
    const ask = async (condition: string) =>
      (await get(files.links.urlOf(file), { range: 'bytes=1-2', 'if-range': condition })).text
    expect([await ask(`"${file.sha256}"`), await ask('"another"')]).toEqual(['12', '0123456789'])
  })

  test('over HTTP/2 gives as much, in any order of reading', async () => {
    const big = Buffer.alloc(3 * 1024 * 1024, 'abcdefg')
    const path = files.links.urlOf(await keep(big))
    const session = connect(url)
    const stream = session.request({ ':path': path })
    const { promise, resolve } = Promise.withResolvers<unknown>()
    stream.once('response', (headers) => resolve(headers[':status']))
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    expect(await promise).toBe(200)
    expect(Buffer.concat(chunks).equals(big)).toBe(true)
    session.close()
  })

  test.each([1, 2])('cuts off a file that turns out shorter than it was, over HTTP/%i', async (version) => {
    const file = await keep(Buffer.alloc(3 * 1024 * 1024, 'x'))
    const path = readdirSync(join(folder, 'files'), { recursive: true, encoding: 'utf8' }).find((name) =>
      name.endsWith(file.blob),
    )
    truncateSync(join(folder, 'files', path ?? ''), 1024 * 1024)
    const link = files.links.urlOf(file)
    if (version === 1) return await expect(get(link)).rejects.toThrow('terminated')
    const session = connect(url)
    const stream = session.request({ ':path': link })
    await expect(
      (async () => {
        for await (const _ of stream);
      })(),
    ).rejects.toThrow('NGHTTP2_INTERNAL_ERROR')
    session.close()
  })
})
