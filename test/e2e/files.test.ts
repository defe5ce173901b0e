import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node'
import OpenAI, { toFile } from 'openai'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { FileService, StoredFileSchema, type UploadFileRequestSchema } from '#gen/switchyard/v1/batch_pb.ts'
import { bearer, keyEntry, openaiSdk, sharedGateway } from './gateway.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'switchyard-files-'))
afterAll(() => rmSync(dataDir, { recursive: true }))

const limit = 3 * 1024 * 1024
const gateway = await sharedGateway({
  dataDir,
  config: {
    media: { max_file_bytes: limit, file_days: 2 },
    keys: [
      keyEntry('red', 'sk-red', { permissions: ['batches:write'], accounts: ['red'] }),
      keyEntry('blue', 'sk-blue', { permissions: ['batches:write'], accounts: ['blue'] }),
    ],
  },
})
const { url } = gateway
const sdk = openaiSdk(gateway, 'sk-red')
const lines = '{"custom_id":"1"}\n{"custom_id":"2"}\n'

afterEach(async () => {
  for await (const { id } of sdk.files.list()) await sdk.files.delete(id)
})

/** How many files are on the disk: kept, begun, or of a form. */
function onDisk(): number {
  return ['files', 'uploads'].flatMap((folder) =>
    readdirSync(join(dataDir, folder), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()),
  ).length
}

async function upload(fields: Readonly<Record<string, string | Blob>>, fileName = 'in.jsonl') {
  const body = new FormData()
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string') body.append(name, value)
    else body.append(name, value, fileName)
  }
  const answer = await fetch(`${url}/v1/files`, { method: 'POST', headers: bearer('sk-red'), body })
  return {
    status: answer.status,
    json: (await answer.json()) as { error?: { param: string; type: string } },
  }
}

describe('by the SDK', () => {
  test('a file is uploaded, found, read and removed', async () => {
    const seconds = Math.floor(Date.now() / 1000)
    const made = await sdk.files.create({
      file: await toFile(Buffer.from(lines), 'größe "1".jsonl'),
      purpose: 'batch',
    })
    expect(made).toEqual({
      id: expect.stringMatching(/^file-[0-9a-f]{32}$/),
      object: 'file',
      bytes: lines.length,
      created_at: expect.any(Number),
      expires_at: made.created_at + 2 * 86_400,
      filename: 'größe "1".jsonl',
      purpose: 'batch',
      status: 'processed',
    })
    expect(made.created_at).toBeGreaterThanOrEqual(seconds)
    expect(await sdk.files.retrieve(made.id)).toEqual(made)
    const content = await sdk.files.content(made.id)
    expect(await content.text()).toBe(lines)
    expect(content.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await sdk.files.delete(made.id)).toEqual({ id: made.id, object: 'file', deleted: true })
    await expect(sdk.files.retrieve(made.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    expect(onDisk()).toBe(0)
  })

  test('files are listed by purpose, in either order, page by page', async () => {
    const ids: string[] = []
    for (const purpose of ['batch', 'vision', 'batch', 'batch'] as const)
      ids.push((await sdk.files.create({ file: await toFile(Buffer.from(purpose), 'a'), purpose })).id)
    const listed = async (query: OpenAI.FileListParams & { limit?: number }): Promise<string[]> => {
      const found: string[] = []
      for await (const { id } of sdk.files.list(query)) found.push(id)
      return found
    }
    expect(await listed({})).toEqual(ids.toReversed())
    expect(await listed({ limit: 1, order: 'asc' })).toEqual(ids)
    expect(await listed({ limit: 2, purpose: 'batch' })).toEqual([ids[3], ids[2], ids[0]])
    const page = await sdk.files.list({ limit: 2, after: ids[3] ?? '' })
    expect([page.data.map(({ id }) => id), page.has_more]).toEqual([[ids[2], ids[1]], true])
    for (const id of ids) await sdk.files.delete(id)
    const { data, has_more: more } = await sdk.files.list()
    expect([data, more]).toEqual([[], false])
  })

  test('a file may have an end of its own', async () => {
    const ending = { anchor: 'created_at', seconds: 3600 } as const
    const made = await sdk.files.create({
      file: await toFile(Buffer.from('a'), 'a'),
      purpose: 'user_data',
      expires_after: ending,
    })
    expect(made.expires_at).toBe(made.created_at + 3600)
  })
})

describe('an upload', () => {
  const file = new Blob([lines], { type: 'application/jsonl' })

  test.each([
    ['without a purpose', { file }, 'purpose'],
    ['with a purpose that nobody knows', { file, purpose: 'else' }, 'purpose'],
    ['without a file', { purpose: 'batch' }, 'file'],
    ['whose end is too soon', { file, purpose: 'batch', 'expires_after[seconds]': '3599' }, 'expires_after[seconds]'],
    ['whose end is no number', { file, purpose: 'batch', 'expires_after[seconds]': '1e4' }, 'expires_after[seconds]'],
  ])('%s is refused, and nothing is left of it', async (_what, fields, param) => {
    const { status, json } = await upload(fields)
    expect([status, json.error]).toMatchObject([400, { type: 'invalid_request_error', param }])
    expect(onDisk()).toBe(0)
  })

  test('of more than may be is refused with 413, and one of just as much is taken', async () => {
    const { status, json } = await upload({ purpose: 'batch', file: new Blob([Buffer.alloc(limit + 1)]) })
    expect([status, json.error?.type]).toEqual([413, 'invalid_request_error'])
    expect(onDisk()).toBe(0)
    const taken = await upload({ purpose: 'batch', file: new Blob([Buffer.alloc(limit)]) })
    expect(taken.status).toBe(200)
  })

  test('whose file has a path for a name is refused', async () => {
    const { status, json } = await upload({ purpose: 'batch', file }, '../../in.jsonl')
    expect([status, json.error]).toMatchObject([400, { param: 'file' }])
    expect(onDisk()).toBe(0)
  })

  test('that is no form is refused with 415', async () => {
    const headers = { ...bearer('sk-red'), 'content-type': 'application/json' }
    const answer = await fetch(`${url}/v1/files`, { method: 'POST', headers, body: '{}' })
    expect(answer.status).toBe(415)
  })
})

test.each(['limit=0', 'limit=10001', 'limit=x', 'order=up', 'after=file-none'])(
  'a listing with %s is refused',
  async (query) => {
    const answer = await fetch(`${url}/v1/files?${query}`, { headers: bearer('sk-red') })
    const { error } = (await answer.json()) as { error: { param: string } }
    expect([answer.status, error.param]).toEqual([400, query.split('=')[0]])
  },
)

test('what is of another account is answered as what is not there, byte by byte', async () => {
  const { id } = await sdk.files.create({ file: await toFile(Buffer.from('secret'), 'a'), purpose: 'batch' })
  const other = `file-${'0'.repeat(32)}`
  const ask = async (method: string, path: string) => {
    const answer = await fetch(`${url}/v1/files${path}`, {
      method,
      headers: { ...bearer('sk-blue'), 'x-request-id': 'same' },
    })
    const { date: _date, ...headers } = Object.fromEntries(answer.headers)
    return { status: answer.status, headers, text: await answer.text() }
  }
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/content'],
    ['HEAD', '/content'],
    ['DELETE', ''],
  ] as const) {
    const foreign = await ask(method, `/${id}${path}`)
    expect(foreign.status).toBe(404)
    expect(foreign).toEqual(await ask(method, `/${other}${path}`))
  }
  expect(await ask('GET', `?after=${id}`)).toEqual(await ask('GET', `?after=${other}`))
  expect((await ask('GET', '')).text).not.toContain(id)
  expect(await (await sdk.files.content(id)).text()).toBe('secret')
})

test('content is given in part, and told of by HEAD', async () => {
  const { id } = await sdk.files.create({ file: await toFile(Buffer.from('0123456789'), 'a'), purpose: 'batch' })
  const ask = (method: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/v1/files/${id}/content`, { method, headers: { ...bearer('sk-red'), ...headers } })
  const part = await ask('GET', { range: 'bytes=3-5', 'x-request-id': 'mine' })
  expect([part.status, await part.text(), part.headers.get('x-request-id')]).toEqual([206, '345', 'mine'])
  const head = await ask('HEAD')
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '10'])
})

describe.each([
  ['Connect', createConnectTransport],
  ['gRPC', createGrpcTransport],
])('over %s', (_name, transport) => {
  type Sent = MessageInitShape<typeof UploadFileRequestSchema>
  const client = createClient(
    FileService,
    transport({
      baseUrl: url,
      httpVersion: '2',
      interceptors: [
        (next) => (request) => {
          request.header.set('authorization', 'Bearer sk-red')
          return next(request)
        },
      ],
    }),
  )
  const facts = { name: 'big', purpose: 'batch', mediaType: 'text/plain' }
  const send = async function* (...messages: readonly NonNullable<Sent['kind']>[]): AsyncGenerator<Sent, void, void> {
    for (const kind of messages) yield { kind }
  }
  const data = (value: Buffer): NonNullable<Sent['kind']> => ({ case: 'data', value: new Uint8Array(value) })
  const codeOf = async (asked: Promise<unknown>): Promise<string> =>
    await asked.then(
      () => 'ok',
      (error: unknown) => Code[ConnectError.from(error).code],
    )

  test('a file goes up in pieces and comes down in pieces, and is the one that the SDK sees', async () => {
    const bytes = Buffer.alloc(limit - 1, 'abcdefg')
    const pieces = [bytes.subarray(0, 1_000_000), bytes.subarray(1_000_000)].map(data)
    const made = await client.uploadFile(
      send({ case: 'file', value: { ...facts, size: BigInt(bytes.length) } }, ...pieces),
    )
    expect(made).toMatchObject({ ...facts, size: BigInt(bytes.length) })
    expect(await client.getFile({ id: made.id })).toEqual(made)
    const down: Uint8Array[] = []
    for await (const { data: piece } of client.downloadFile({ id: made.id })) down.push(piece)
    expect(Buffer.concat(down).equals(bytes)).toBe(true)
    expect((await sdk.files.retrieve(made.id)).bytes).toBe(bytes.length)
    const listed = await client.listFiles({ purpose: 'batch', limit: 1 })
    expect([listed.files, listed.nextCursor]).toEqual([[made], ''])
    expect(await client.deleteFile({ id: made.id })).toMatchObject({ id: made.id })
    expect(await codeOf(client.getFile({ id: made.id }))).toBe('NotFound')
    expect(onDisk()).toBe(0)
  })

  test('what is amiss is told, and nothing is left of it', async () => {
    const file = (more: object = {}): NonNullable<Sent['kind']> => ({
      case: 'file',
      value: create(StoredFileSchema, { ...facts, ...more }),
    })
    const asked = [
      send(data(Buffer.from('a'))),
      send(),
      send(file(), data(Buffer.from('a')), file()),
      send(file({ size: 2n }), data(Buffer.from('abc'))),
      send(file({ name: 'x'.repeat(513) })),
      send(file({ expires: timestampFromMs(Date.now() - 1000) })),
    ]
    const codes = []
    for (const messages of asked) codes.push(await codeOf(client.uploadFile(messages)))
    expect(codes).toEqual(asked.map(() => 'InvalidArgument'))
    const large = [data(Buffer.alloc(limit)), data(Buffer.from('a'))]
    expect(await codeOf(client.uploadFile(send(file(), ...large)))).toBe('ResourceExhausted')
    expect(onDisk()).toBe(0)
  })
})
