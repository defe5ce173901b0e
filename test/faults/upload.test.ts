import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request as requestHttp1 } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { asGatewayError, GatewayError } from '../../src/error/index.ts'
import type { NodeRequest, NodeResponse } from '../../src/server/port.ts'
import { openUploadFolder } from '../../src/server/upload-file.ts'
import { readUpload, type UploadLimits } from '../../src/server/upload.ts'
import { openEdge, type TestEdge } from './edge.ts'
import { ask, rawClient, statuses } from './raw.ts'

const root = mkdtempSync(join(tmpdir(), 'switchyard-uploads-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0

/** What one upload was read as. */
interface Seen {
  readonly fields: Record<string, string | readonly string[]>
  readonly files: Record<string, { name: string; mediaType: string; bytes: Buffer }>
}

interface UploadEdge extends TestEdge {
  readonly folder: string
  /** What `readUpload` gave or threw, request by request. */
  readonly read: (Seen | GatewayError)[]
  readonly requests: NodeRequest[]
  /** Whether any of the body was read by then. */
  readonly begun: boolean[]
}

/** A port that reads every body as a form, and answers with the reason where it cannot. */
async function openUploadEdge(limits: Partial<UploadLimits> = {}): Promise<UploadEdge> {
  const folder = await openUploadFolder(join(root, String(folders++)))
  const read: (Seen | GatewayError)[] = []
  const requests: NodeRequest[] = []
  const begun: boolean[] = []
  const seen = async (request: NodeRequest): Promise<Seen> => {
    await using upload = await readUpload(request, { bytes: 1000, idleMs: 5000, folder, files: ['file'], ...limits })
    const files: Seen['files'] = {}
    for (const [part, { name, mediaType, bytes, ...file }] of upload.files) {
      const whole = await file.read()
      const pieces = await Array.fromAsync(file.stream())
      expect(Buffer.concat(pieces).equals(whole)).toBe(true)
      expect(whole.length).toBe(bytes)
      files[part] = { name, mediaType, bytes: Buffer.from(whole) }
    }
    return { fields: Object.fromEntries(upload.fields), files }
  }
  const answer = async (request: NodeRequest, response: NodeResponse): Promise<void> => {
    const outcome = await seen(request).catch(asGatewayError)
    read.push(outcome)
    begun.push(request.readableDidRead)
    response.statusCode = outcome instanceof GatewayError ? outcome.status : 200
    response.end(outcome instanceof GatewayError ? outcome.reason : 'read')
  }
  const edge = await openEdge({ lingerMs: 1000 }, (request, response) => {
    requests.push(request)
    void answer(request, response)
  })
  return { ...edge, folder, read, requests, begun }
}

const type = 'multipart/form-data; boundary=xyz'
const field = (name: string, value: string): string =>
  `--xyz\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
const file = (bytes: Buffer | string, head = 'name="file"; filename="a.wav"'): Buffer =>
  Buffer.concat([
    Buffer.from(`--xyz\r\nContent-Disposition: form-data; ${head}\r\nContent-Type: audio/wav\r\n\r\n`),
    Buffer.from(bytes),
    Buffer.from('\r\n'),
  ])
const form = (...parts: readonly (Buffer | string)[]): Buffer =>
  Buffer.concat([...parts, '--xyz--\r\n'].map((part) => Buffer.from(part)))

/** What one protocol's client got for one body. */
interface Reply {
  readonly status: number | undefined
  readonly body: string
}

/** Sends the body in pieces of a size, or at once. */
type Post = (edge: TestEdge, body: Buffer, headers?: Record<string, string>, pieces?: number) => Promise<Reply>

function* cut(body: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size)
}

const overHttp1: Post = (edge, body, headers = {}, pieces = body.length) =>
  new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: edge.number,
      method: 'POST',
      headers: { 'content-type': type, ...headers },
    }
    const request = requestHttp1(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() }))
    })
    request.on('error', reject)
    for (const piece of cut(body, pieces)) request.write(piece)
    request.end()
  })

const overHttp2: Post = async (edge, body, headers = {}, pieces = body.length) => {
  const session = connectHttp2(`http://127.0.0.1:${edge.number}`)
  const answer = await ask(session, { ':method': 'POST', 'content-type': type, ...headers }, (stream) => {
    for (const piece of cut(body, pieces)) stream.write(piece)
    stream.end()
  })
  session.destroy()
  return answer
}

/** Fails when anything is left of the uploads of an edge, on the disk or of open files. */
function expectNothingLeft({ folder }: UploadEdge): void {
  expect(readdirSync(folder)).toEqual([])
  expect(openFilesOf(folder)).toEqual([])
}

/** Files of a folder that this process has open, whether or not they still have a name. */
function openFilesOf(folder: string): string[] {
  if (!existsSync('/proc/self/fd')) return []
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${descriptor}`)
      return path.startsWith(folder) ? [path] : []
    } catch {
      return []
    }
  })
}

const audio = randomBytes(900)

describe.each([
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
])('over %s', (_, post) => {
  test('reads fields in their order, and the file, however they are cut', async () => {
    await using edge = await openUploadEdge()
    const body = form(
      field('model', 'grüße 🚀'),
      field('timestamps[]', 'word'),
      field('include[]', 'logprobs'),
      field('empty', ''),
      file(audio, 'name="file"; filename="na\u00efve \\"a\\".wav"'),
      field('timestamps', 'segment'),
      field('lines', 'a\r\n--xy\r\nb'),
    )
    for (const pieces of [body.length, 1, 7, 64]) {
      expect(await post(edge, body, {}, pieces)).toEqual(expect.objectContaining({ status: 200, body: 'read' }))
    }
    const seen = {
      fields: {
        model: 'grüße 🚀',
        timestamps: ['word', 'segment'],
        include: ['logprobs'],
        empty: '',
        lines: 'a\r\n--xy\r\nb',
      },
      files: { file: { name: 'naïve "a".wav', mediaType: 'audio/wav', bytes: audio } },
    }
    expect(edge.read).toEqual([seen, seen, seen, seen])
    expectNothingLeft(edge)
  })

  test('takes a file of exactly the limit, and of nothing', async () => {
    await using edge = await openUploadEdge({ bytes: 3_000_000 })
    const bytes = randomBytes(3_000_000)
    for (const each of [bytes, Buffer.alloc(0)]) await post(edge, form(file(each)))
    const taken = edge.read.map((outcome) =>
      outcome instanceof GatewayError ? undefined : outcome.files['file']?.bytes,
    )
    expect(taken[0]?.equals(bytes)).toBe(true)
    expect(taken[1]).toHaveLength(0)
    expectNothingLeft(edge)
  })

  test.each([
    ['a file over the limit', form(file(Buffer.alloc(1001))), 'file'],
    ['a field that is too long', form(field('prompt', 'x'.repeat(65_537))), 'prompt'],
    ['a body of preamble', Buffer.concat([Buffer.alloc(600_000, 'x'), form()]), undefined],
    ['a body of epilogue', Buffer.concat([form(file('a')), Buffer.alloc(600_000, 'x')]), undefined],
  ])('refuses %s', async (_what, body, param) => {
    await using edge = await openUploadEdge()
    expect(await post(edge, body, {}, 10_000)).toMatchObject({ status: 413, body: 'payload_too_large' })
    expect(edge.read).toMatchObject([{ details: param === undefined ? {} : { param } }])
    expectNothingLeft(edge)
  })

  test('refuses a body over the limit by its declared length alone', async () => {
    await using edge = await openUploadEdge()
    const body = form(file(Buffer.alloc(600_000)))
    expect(await post(edge, body, { 'content-length': String(body.length) })).toMatchObject({ status: 413 })
    expect(edge.begun).toEqual([false])
  })
})

const disposition = (rest: string): string => `--xyz\r\nContent-Disposition: form-data${rest}\r\n\r\nx\r\n`

test.each([
  ['nothing', Buffer.alloc(0)],
  ['no boundary', 'plain text'],
  ['no end', form(file(audio)).subarray(0, -8)],
  ['a file that is cut', form(file(audio)).subarray(0, 500)],
  ['a head that is cut', form(file(audio)).subarray(0, 30)],
  ['another boundary', form(file(audio)).toString('latin1').replaceAll('xyz', 'abc')],
  ['a part without a head', '--xyz\r\n--xyz--\r\n'],
  ['a part whose head does not end', '--xyz\r\nContent-Disposition: form-data; name="a"\r\n--xyz--\r\n'],
  ['a part without a disposition', '--xyz\r\nContent-Type: text/plain\r\n\r\nx\r\n--xyz--\r\n'],
  ['a part without a name', form(disposition(''))],
  ['a part with an empty name', form(disposition('; name=""'))],
  ['a name given twice', form(disposition('; name="a"; name="b"'))],
  ['a name that is too long', form(field('n'.repeat(101), 'x'))],
  ['a name over two lines', form(disposition('; name="a%0d%0ab"'))],
  ['a name that is not UTF-8', form(Buffer.from(field('\u00e9', 'x'), 'latin1'))],
  ['a disposition that cannot be read', form(disposition('; name="a" b'))],
  ['another disposition', form('--xyz\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n')],
  ['a head that is too long', form(disposition(`; name="a"\r\nX-Long: ${'x'.repeat(5000)}`))],
  ['too many parts', form(...Array.from({ length: 65 }, () => field('a', 'x')))],
])('refuses a form with %s', async (_, body) => {
  await using edge = await openUploadEdge()
  expect(await overHttp1(edge, Buffer.from(body))).toEqual({ status: 400, body: 'invalid_request' })
  expectNothingLeft(edge)
})

test.each([
  ['two files', form(file(audio), file(audio)), 'file'],
  ['a file that is not expected', form(file(audio, 'name="other"; filename="a.wav"')), 'other'],
  ['a file instead of a field', form(file(audio, 'name="model"; filename="a.wav"')), 'model'],
  ['a path for a file name', form(file(audio, 'name="file"; filename="../../etc/passwd"')), 'file'],
  ['a path of Windows', form(file(audio, 'name="file"; filename="..\\\\a.wav"')), 'file'],
  ['a folder for a file name', form(file(audio, 'name="file"; filename=".."')), 'file'],
  ['a path in the other form', form(file(audio, "name=file; filename*=UTF-8''..%2Fa.wav")), 'file'],
  ['a file name with a NUL', form(file(audio, 'name="file"; filename="a\u0000.wav"')), 'file'],
  ['a file name that is too long', form(file(audio, `name="file"; filename="${'x'.repeat(256)}"`)), 'file'],
  ['a transfer encoding', form(file(audio, 'name="file"; filename="a"\r\nContent-Transfer-Encoding: base64')), 'file'],
  ['a field that is not UTF-8', form(Buffer.from(field('model', '\u00e9'), 'latin1')), 'model'],
])('refuses a form with %s, and names the part', async (_, body, param) => {
  await using edge = await openUploadEdge()
  expect(await overHttp1(edge, body)).toEqual({ status: 400, body: 'invalid_request' })
  expect(edge.read).toMatchObject([{ details: { param } }])
  expectNothingLeft(edge)
})

test.each([
  ['JSON', { 'content-type': 'application/json' }, 415],
  ['no content type', { 'content-type': '' }, 415],
  ['a compressed form', { 'content-encoding': 'gzip' }, 415],
  ['no boundary', { 'content-type': 'multipart/form-data' }, 400],
  ['a boundary that is too long', { 'content-type': `multipart/form-data; boundary=${'x'.repeat(71)}` }, 400],
])('refuses %s', async (_, headers, status) => {
  await using edge = await openUploadEdge()
  const body = form(field('model', 'x'))
  const sent = 'content-encoding' in headers ? gzipSync(body) : body
  expect(await overHttp1(edge, sent, headers)).toMatchObject({ status })
})

test('takes a quoted boundary, a name without quotes, and a file without a name', async () => {
  await using edge = await openUploadEdge()
  const body = form(disposition('; name=a'), file('x', 'name=file')).toString('latin1').replaceAll('xyz', 'x y:z')
  await overHttp1(edge, Buffer.from(body, 'latin1'), { 'content-type': 'Multipart/Form-Data; boundary="x y:z"' })
  expect(edge.read).toEqual([
    { fields: { a: 'x' }, files: { file: { name: '', mediaType: 'audio/wav', bytes: Buffer.from('x') } } },
  ])
})

test('gets its refusal through to a client that is still sending, and reads no further', async () => {
  await using edge = await openUploadEdge({ bytes: 100_000 })
  const client = await rawClient(edge.number)
  client.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`)
  const piece = form(file(Buffer.alloc(60_000))).subarray(0, 60_000)
  client.send(Buffer.concat([Buffer.from('ea60\r\n'), piece, Buffer.from('\r\n')]))
  // A file has a name for the moment between being made and losing it.
  const kept = (): unknown[] => [openFilesOf(edge.folder).length, readdirSync(edge.folder)]
  await expect.poll(kept).toEqual([existsSync('/proc/self/fd') ? 1 : 0, []])
  client.send(Buffer.concat([Buffer.from('ea60\r\n'), Buffer.alloc(60_000), Buffer.from('\r\n')]))
  await client.has('payload_too_large')
  await client.closed
  expect(statuses(client.text)).toEqual(['413'])
  expect(edge.requests[0]?.readableEnded).toBe(false)
  expectNothingLeft(edge)
})

test.each(['HTTP/1.1', 'HTTP/2'])('ends the wait for a form that stops over %s', async (version) => {
  await using edge = await openUploadEdge({ idleMs: 100 })
  const part = form(file(audio)).subarray(0, 500)
  if (version === 'HTTP/2') {
    const session = connectHttp2(`http://127.0.0.1:${edge.number}`)
    await ask(session, { ':method': 'POST', 'content-type': type }, (stream) => stream.write(part))
    session.destroy()
  } else {
    const client = await rawClient(edge.number)
    client.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: 1000\r\n\r\n`)
    client.send(part)
    await client.closed
    expect(statuses(client.text)).toEqual(['408'])
  }
  expect(edge.read).toMatchObject([{ reason: 'request_timeout', details: { timer: 'request_body' } }])
  expectNothingLeft(edge)
})

test('ends, and leaves nothing, whatever it is sent and however that is cut', async () => {
  const folder = await openUploadFolder(join(root, String(folders++)))
  const whole = form(field('model', 'x'), file('RIFF\r\n--xy\r\n-'), field('times[]', 'word'))
  const scrap = fc.constantFrom(
    '\r\n',
    '--xyz',
    '--xyz--',
    '\r\n--xyz\r\n',
    '\r\n\r\n',
    '-',
    ': ',
    '\0',
    '"',
    '; name="a"',
  )
  const edit = fc.record({ at: fc.nat(whole.length), without: fc.nat(60), scraps: fc.array(scrap, { maxLength: 3 }) })
  const outcomes = new Set<string>()
  const property = fc.asyncProperty(
    fc.array(edit, { maxLength: 4 }),
    fc.integer({ min: 1, max: 60 }),
    async (edits, size) => {
      const sent = edits.reduce(
        (body, { at, without, scraps }) =>
          Buffer.concat([body.subarray(0, at), Buffer.from(scraps.join('')), body.subarray(at + without)]),
        whole,
      )
      const request = Object.assign(new PassThrough(), { headers: { 'content-type': type } })
      const reading = readUpload(request as never, { bytes: 1000, idleMs: 5000, folder, files: ['file'] })
      const outcome = reading.then(
        async (upload) => upload[Symbol.asyncDispose]().then(() => 'read'),
        (error: unknown) => asGatewayError(error).reason,
      )
      for (const piece of cut(sent, size)) {
        request.write(Buffer.from(piece))
        await setImmediate()
      }
      request.end()
      outcomes.add(await outcome)
      expect(readdirSync(folder)).toEqual([])
    },
  )
  await fc.assert(property, { numRuns: 400 })
  expect([...outcomes].toSorted()).toEqual(['invalid_request', 'read'])
})

test('gives back the memory of a file while it is read', async () => {
  const folder = await openUploadFolder(join(root, String(folders++)))
  const chunks: Buffer[] = []
  await using edge = await openEdge({}, (request, response) => {
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    const upload = readUpload(request, { bytes: 5_000_000, idleMs: 5000, folder, files: ['file'] })
    void upload.then((read) => read[Symbol.asyncDispose]()).then(() => response.end())
  })
  await overHttp1(edge, form(file(Buffer.alloc(5_000_000))))
  const kept = chunks.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)
  expect(kept).toBeLessThan(2_500_000)
})

test('leaves nothing when the client leaves', async () => {
  await using edge = await openUploadEdge()
  const client = await rawClient(edge.number)
  client.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: 1000\r\n\r\n`)
  client.send(form(file(audio)).subarray(0, 500))
  await expect.poll(() => edge.requests).toHaveLength(1)
  await sleep(30)
  client.socket.destroy()
  await expect.poll(() => edge.read).toMatchObject([{ reason: 'client_closed' }])
  expectNothingLeft(edge)
})

test('removes at the start what a process that was killed has left', async () => {
  const folder = await openUploadFolder(join(root, 'killed'))
  writeFileSync(join(folder, 'left.part'), 'x')
  await openUploadFolder(folder)
  expect(readdirSync(folder)).toEqual([])
  expect(statSync(folder).mode & 0o777).toBe(0o700)
})

test('says so when the disk cannot be written', async () => {
  await using edge = await openUploadEdge()
  rmSync(edge.folder, { recursive: true })
  expect(await overHttp1(edge, form(file(audio)))).toEqual({ status: 503, body: 'store_unavailable' })
})
