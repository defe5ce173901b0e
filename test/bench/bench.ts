/**
 * Measures the gateway beside a bare proxy, both in front of the same local upstream, in one run and in turn: CPU time for each
 * whole call and for each chunk of a stream, time added to the first event, memory of an idle stream. Prints medians and
 * ratios, or with `--json` the figures. These numbers are compared with each other only: machines differ, and are noisy.
 */
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { create, toBinary, toJsonString } from '@bufbuild/protobuf'
import { ChatRequestSchema, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { measureLedger, printLedger } from './ledger.ts'
import { grpcLoad, http1Load, httpRequest, idleStreams, timesToFirstEvent } from './load.ts'
import { cpuMicroseconds, residentKilobytes, start, type Subject } from './processes.ts'
import { measureUploads, printUploads } from './upload.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '12000' },
    idle: { type: 'string', default: '2000' },
    // "ledger": only what the ledger costs. "upload": only what uploads cost.
    only: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
const requests = Number(values.requests)
const connections = 32
const streams = Math.ceil(requests / 15)
const chunksPerStream = 200
/** The gateway's own limit of an uploaded file, and room for what is around it. */
const uploadBytes = 26 * 1024 * 1024

interface Row {
  readonly name: string
  readonly unit: string
  readonly value: number
  readonly reference?: number
  readonly aim: string
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** Asks of about 1 KB. */
const question = 'Tell me what a switchyard is, and what it does with the lines that meet there. '.repeat(11)
const rest = (model: string, stream: boolean): string =>
  JSON.stringify({
    model,
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: question },
    ],
    ...(stream && { stream, stream_options: { include_usage: true } }),
  })
const message = create(ChatRequestSchema, {
  model: 'whole/bench-1',
  messages: [{ role: Role.USER, parts: [{ kind: { case: 'text', value: { text: question } } }] }],
})
const platform = JSON.stringify({ model: 'whole/bench-1', messages: [{ role: 'user', content: question }] })

async function cpuPer(subject: Subject, count: number, load: () => Promise<void>): Promise<number> {
  const before = cpuMicroseconds(subject.pid)
  await load()
  await sleep(50)
  return (cpuMicroseconds(subject.pid) - before) / count
}

/** Rounds that are not counted, while the code of both sides is still being compiled. */
const warmUps = 3

/** Runs loads in turn, round after round, after some that are not counted, and gives the median of each. */
async function interleaved(loads: Readonly<Record<string, () => Promise<number>>>): Promise<Record<string, number>> {
  const figures: Record<string, number[]> = {}
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const [name, load] of Object.entries(loads)) {
      const figure = await load()
      if (round >= warmUps) (figures[name] ??= []).push(figure)
    }
  }
  return Object.fromEntries(Object.entries(figures).map(([name, numbers]) => [name, median(numbers)]))
}

async function measure(upstream: Subject, bare: Subject, gateway: Subject): Promise<Row[]> {
  const unary = (subject: Subject, path: string, body: string) => () =>
    cpuPer(subject, requests, () => http1Load(subject.port, httpRequest(path, body), requests, connections))
  const whole = await interleaved({
    bare: unary(bare, '/whole/chat/completions', rest('bench', false)),
    openai: unary(gateway, '/v1/chat/completions', rest('whole/bench-1', false)),
  })
  // By themselves, so that the pair above is measured as it would run: one kind of traffic, its code compiled for it.
  const others = await interleaved({
    platform: unary(gateway, '/api/v1/inference/chat', platform),
    connect: unary(gateway, '/switchyard.v1.InferenceService/Chat', toJsonString(ChatRequestSchema, message)),
    grpc: () =>
      cpuPer(gateway, requests, () =>
        grpcLoad(
          gateway.port,
          '/switchyard.v1.InferenceService/Chat',
          toBinary(ChatRequestSchema, message),
          requests,
          connections,
        ),
      ),
  })
  const streamed = (subject: Subject, path: string, model: string) => () =>
    cpuPer(subject, streams * chunksPerStream, () =>
      http1Load(subject.port, httpRequest(path, rest(model, true)), streams, connections),
    )
  const burst = await interleaved({
    bare: streamed(bare, '/burst/chat/completions', 'bench'),
    openai: streamed(gateway, '/v1/chat/completions', 'burst/bench-1'),
  })
  const firstEvent = (subject: Subject, path: string, model: string) => async () =>
    median(await timesToFirstEvent(subject.port, httpRequest(path, rest(model, true)), 150))
  const first = await interleaved({
    direct: firstEvent(upstream, '/idle/chat/completions', 'bench'),
    bare: firstEvent(bare, '/idle/chat/completions', 'bench'),
    openai: firstEvent(gateway, '/v1/chat/completions', 'idle/bench-1'),
  })
  const row = (
    name: string,
    unit: string,
    value: number | undefined,
    reference: number | undefined,
    aim: string,
  ): Row => ({
    name,
    unit,
    value: value ?? Number.NaN,
    ...(reference !== undefined && { reference }),
    aim,
  })
  return [
    row('whole call, openai to openai', 'us CPU', whole['openai'], whole['bare'], '1.8 x'),
    row('whole call, platform to openai', 'us CPU', others['platform'], whole['bare'], ''),
    row('whole call, Connect JSON to openai', 'us CPU', others['connect'], whole['bare'], ''),
    row('whole call, gRPC to openai', 'us CPU', others['grpc'], whole['bare'], ''),
    row('streamed chunk, in a burst of 200', 'us CPU', burst['openai'], burst['bare'], '4 us'),
    row(
      'added to the first event',
      'us',
      (first['openai'] ?? 0) - (first['direct'] ?? 0),
      (first['bare'] ?? 0) - (first['direct'] ?? 0),
      '',
    ),
  ]
}

/** Memory of streams that stay open, in processes that did nothing before. */
async function measureIdle(bare: Subject, gateway: Subject): Promise<Row> {
  const count = Number(values.idle)
  const perStream = async (subject: Subject, path: string, model: string): Promise<number> => {
    const request = httpRequest(path, rest(model, true))
    for (const socket of await idleStreams(subject.port, request, 100)) socket.destroy()
    await sleep(1000)
    const before = residentKilobytes(subject.pid)
    const sockets = await idleStreams(subject.port, request, count)
    await sleep(1000)
    const used = (residentKilobytes(subject.pid) - before) / count
    for (const socket of sockets) socket.destroy()
    return used
  }
  const reference = await perStream(bare, '/idle/chat/completions', 'bench')
  const value = await perStream(gateway, '/v1/chat/completions', 'idle/bench-1')
  return { name: `idle stream, of ${count}`, unit: 'KB RSS', value, reference, aim: '50 KB' }
}

function print(rows: readonly Row[]): void {
  process.stdout.write(
    `${'what'.padEnd(38)}${'gateway'.padStart(10)}${'bare proxy'.padStart(12)}${'ratio'.padStart(8)}  ${'unit'.padEnd(8)}aim\n`,
  )
  for (const { name, unit, value, reference, aim } of rows) {
    const ratio = reference === undefined ? '' : (value / reference).toFixed(2)
    process.stdout.write(
      `${name.padEnd(38)}${value.toFixed(1).padStart(10)}${(reference?.toFixed(1) ?? '').padStart(12)}${ratio.padStart(8)}  ${unit.padEnd(8)}${aim}\n`,
    )
  }
}

const folder = mkdtempSync(join(tmpdir(), 'switchyard-bench-'))
const running: Subject[] = []
const begin = async (...parts: Parameters<typeof start>): Promise<Subject> => {
  const subject = await start(...parts)
  running.push(subject)
  return subject
}
try {
  const upstream = await begin(join(import.meta.dirname, 'upstream.ts'), [], /^(\d+)\n/)
  const beginBare = (): Promise<Subject> =>
    begin(join(import.meta.dirname, 'bare.ts'), [String(upstream.port)], /^(\d+)\n/)
  const provider = (name: string): string =>
    `  - { name: ${name}, type: openai, base_url: "http://127.0.0.1:${upstream.port}/${name}", env_var: BENCH_API_KEY, models: [bench-1] }\n`
  const config = join(folder, 'config.yaml')
  const log = openSync(join(folder, 'gateway.log'), 'w')
  const key = 'a'.repeat(64)
  writeFileSync(
    config,
    `server: { port: 0 }\nproviders:\n${['whole', 'burst', 'idle', 'speech'].map(provider).join('')}`,
  )
  let gateways = 0
  const beginGateway = (flags: readonly string[] = []): Promise<Subject> =>
    begin(
      join(import.meta.dirname, '../../src/main.ts'),
      ['serve', '--config', config, '--data-dir', join(folder, `data-${gateways++}`), ...flags],
      /HTTP\s+http:\/\/127\.0\.0\.1:(\d+)/,
      { BENCH_API_KEY: key },
      log,
    )
  const rows: Row[] = []
  if (values.only === undefined) {
    rows.push(...(await measure(upstream, await beginBare(), await beginGateway())))
    rows.push(await measureIdle(await beginBare(), await beginGateway()))
  }
  const beginBuffering = (): Promise<Subject> =>
    begin(join(import.meta.dirname, 'buffering.ts'), [String(upstream.port), String(uploadBytes)], /^(\d+)\n/)
  const uploads = values.only === 'ledger' ? [] : await measureUploads(() => beginGateway(), beginBuffering)
  const without = join(folder, 'without.yaml')
  writeFileSync(without, `${readFileSync(config, 'utf8')}ledger: { enabled: false }\n`)
  const request = httpRequest('/v1/chat/completions', rest('whole/bench-1', false))
  const ledger =
    values.only === 'upload'
      ? []
      : await measureLedger(await beginGateway(), await beginGateway(['--config', without]), {
          request,
          requests,
          connections,
          rounds,
          warmUps,
        })
  if (values.json)
    process.stdout.write(`${JSON.stringify({ node: process.version, rounds, requests, rows, uploads, ledger })}\n`)
  else {
    if (rows.length > 0) print(rows)
    if (uploads.length > 0) printUploads(uploads)
    if (ledger.length > 0) printLedger(ledger)
  }
} finally {
  for (const subject of running) await subject.stop()
  rmSync(folder, { recursive: true, force: true })
}
