import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Code, ConnectError } from '@connectrpc/connect'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { bearer, keyEntry } from '../e2e/gateway.ts'
import { Gate } from '../services/gate.ts'
import { type Postgres, startPostgres } from '../services/postgres.ts'
import { ask } from './client.ts'
import { openGateway } from './gateway.ts'
import { well as answerWell } from './upstream.ts'
import { ways } from './ways.ts'

let postgres: Postgres

beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(() => postgres.end())

const key = 'sk-full-of-it'
const question = [{ role: Role.USER, parts: [{ kind: { case: 'text' as const, value: { text: 'hello' } } }] }]

test('a spool that is full refuses calls before a provider is asked, in every dialect, and takes them again when the store does', async () => {
  const { hostname, port, href } = new URL(await postgres.database())
  const gate = await Gate.open(hostname, Number(port))
  const database = href.replace(`${hostname}:${port}`, `127.0.0.1:${gate.port}`)
  const rule = { permissions: ['models:use', 'requests:read', 'usage:read'], accounts: ['acme'] }
  const gateway = await openGateway({
    config: { keys: [keyEntry('k', key, rule)], ledger: { max_spool_bytes: 1024 * 1024 } },
    env: { SWITCHYARD_DATABASE_URL: database },
  })
  gateway.upstream.answer('well', answerWell)
  const [way] = ways
  if (way === undefined) throw new Error('there is no dialect')
  const call = (): Promise<number> =>
    ask(gateway.url + way.path(false), way.body('up/well', false), bearer(key)).then(({ status }) => status)
  try {
    expect(await call()).toBe(200)
    gate.cut()
    let well = 1
    for (;;) {
      // One by one no room is held back for others.
      const alone = await call()
      if (alone === 503) break
      const statuses = [alone, ...(await Promise.all(Array.from({ length: 50 }, call)))]
      well += statuses.filter((status) => status === 200).length
      expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([])
    }
    expect(well).toBeGreaterThan(200)

    const asked = gateway.upstream.received().length
    for (const other of ways) {
      for (const streaming of [false, true]) {
        const { status, headers, text } = await ask(
          gateway.url + other.path(streaming),
          other.body('up/well', streaming),
          bearer(key),
        )
        expect([other.name, status, headers['retry-after']]).toEqual([other.name, 503, '5'])
        expect(text).toContain('the request log has no room')
      }
    }
    const refused = await gateway.rpc
      .chat({ model: 'up/well', messages: question }, { headers: bearer(key) })
      .catch((error: unknown) => ConnectError.from(error).code)
    expect(refused).toBe(Code.Unavailable)
    expect(gateway.upstream.received().length).toBe(asked)
    expect(asked).toBe(well)

    gate.admit()
    await expect.poll(call).toBe(200)
    const total = async (): Promise<unknown> => {
      const answer = await ask(
        `${gateway.url}/switchyard.v1.UsageService/QueryUsage`,
        '{"filter":{"status":"ok"}}',
        bearer(key),
      )
      return (JSON.parse(answer.text) as { total: { requests: string } }).total.requests
    }
    await expect.poll(total).toBe(String(well + 1))
  } finally {
    await gateway[Symbol.asyncDispose]()
    await gate.close()
  }
})

test('a disk that is full refuses calls, and takes them again by itself when there is room', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-full-'))
  const main = join(import.meta.dirname, '../../src/main.ts')
  // No file may grow beyond what this allows, which is how a full disk looks to a program. The signal for it is not wanted.
  const child = spawn(
    'bash',
    [
      '-c',
      `trap '' XFSZ; ulimit -S -f 600; exec "$0" "$@"`,
      process.execPath,
      main,
      'serve',
      '--port',
      '0',
      '--data-dir',
      folder,
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  try {
    let said = ''
    child.stderr.on('data', (data: Buffer) => (said += data.toString()))
    await expect.poll(() => said).toMatch(/HTTP\s+http/)
    const url = /HTTP\s+(http:\/\/\S+)/.exec(said)?.[1] ?? ''
    const body = JSON.stringify({ model: 'simulator/echo', messages: [{ role: 'user', content: 'Hello' }] })
    let well = 0
    const call = async (): Promise<number> => {
      const { status } = await ask(`${url}/v1/chat/completions`, body)
      if (status === 200) well++
      return status
    }
    let statuses: number[] = []
    while (!statuses.includes(503)) {
      statuses = await Promise.all(Array.from({ length: 20 }, call))
      expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([])
    }
    expect(well).toBeGreaterThan(20)
    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited'])
    await expect.poll(call).toBe(200)
    const total = async (): Promise<unknown> => {
      const answer = await ask(`${url}/switchyard.v1.UsageService/QueryUsage`, '{"filter":{"status":"ok"}}')
      return (JSON.parse(answer.text) as { total: { requests: string } }).total.requests
    }
    await expect.poll(total).toBe(String(well))
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
    rmSync(folder, { recursive: true })
  }
})
