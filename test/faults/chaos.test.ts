import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { post, postHttp2 } from './client.ts'
import { type FaultyGateway, openGateway } from './gateway.ts'
import { type Answer, delta, flood, frames, pieces, silence, status, well, whole } from './upstream.ts'
import { ways } from './ways.ts'

let gateway: FaultyGateway
beforeAll(async () => {
  gateway = await openGateway({
    config: {
      timeouts: {
        first_event: '150ms',
        between_events: '150ms',
        total: '700ms',
        write: '300ms',
        request_body: '300ms',
      },
      retries: { per_target: 1 },
      aliases: { 'any/spare': ['up/broken', 'up/silent', 'up/well'] },
    },
  })
})
afterAll(async () => gateway[Symbol.asyncDispose]())

const answers: Readonly<Record<string, Answer>> = {
  well,
  silent: silence,
  headers: pieces([], 'hang'),
  cut: pieces(frames.slice(0, 2), 'cut'),
  hang: pieces(frames.slice(0, 3), 'hang'),
  drip: pieces(frames, 'end', 30),
  endless: pieces(
    Array.from({ length: 200 }, () => delta('more ')),
    'hang',
    10,
  ),
  garbage: pieces([frames[0] ?? '', 'data: {"x\n\n'], 'end'),
  broken: status(503, { error: { message: 'busy' } }),
  limited: status(429, { error: { message: 'slow' } }, { 'retry-after': '3600' }),
  refused: status(401, { error: { message: 'no' } }),
  hidden: status(200, { error: { message: 'busy', code: 503 } }),
  half: pieces([JSON.stringify(whole).slice(0, 80)], 'cut', 0, 'application/json'),
  flood: flood(4 * 1024 * 1024),
}
const models = [...Object.keys(answers).map((name) => `up/${name}`), 'any/spare', 'up/nobody', 'nobody/at-all']

/** The same sequence of numbers in every run. */
function* numbers(): Generator<number, never> {
  let state = 20_260_102
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield state >>> 8
  }
}

test('whatever goes wrong, every call is recorded once and nothing stays open', async () => {
  for (const [name, answer] of Object.entries(answers)) gateway.upstream.answer(name, answer)
  const random = numbers()
  const pick = <Item>(items: readonly Item[]): Item => items[random.next().value % items.length] as Item
  const asked: string[] = []

  /** Asks for anything, by any way, and leaves at any moment or stays to the end. */
  async function act(): Promise<void> {
    const requestId = randomUUID()
    const [model, way, streaming] = [pick(models), pick(ways), pick([true, false])]
    const patience = pick([0, 1, 5, 20, 60, 200, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
    const headers = { 'x-request-id': requestId }
    const transport = pick(['http1', 'http2', 'grpc'])
    const leave = new AbortController()
    if (patience < 1000) void setTimeout(patience).then(() => leave.abort())
    if (transport === 'grpc') {
      const parts = [{ kind: { case: 'text' as const, value: { text: 'x' } } }]
      const question = { model, messages: [{ role: Role.USER, parts }] }
      const options = { signal: leave.signal, headers }
      if (streaming) await Array.fromAsync(gateway.rpc.streamChat(question, options)).catch(() => undefined)
      else await gateway.rpc.chat(question, options).catch(() => undefined)
      // A call that was given up may never have left.
      if (patience === Number.POSITIVE_INFINITY) asked.push(requestId)
    } else if (transport === 'http2') {
      const asking = postHttp2(gateway.url, way.path(streaming), way.body(model, streaming), headers)
      leave.signal.addEventListener('abort', () => asking.leave())
      await asking.closed
      asking.end()
      if (patience === Number.POSITIVE_INFINITY) asked.push(requestId)
    } else {
      const asking = post(gateway.url + way.path(streaming), way.body(model, streaming), headers)
      leave.signal.addEventListener('abort', () => asking.leave())
      await asking.head.then((reading) => reading.rest()).catch(() => undefined)
      if (patience === Number.POSITIVE_INFINITY) asked.push(requestId)
    }
  }

  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let count = 0; count < 25; count++) await act()
    }),
  )
  await expect.poll(() => gateway.upstream.open).toBe(0)
  await expect.poll(() => gateway.metrics()).not.toMatch(/switchyard_requests_in_flight\{[^}]*\} [^0]/)
  const recorded = gateway.allSettled().map((line) => String(line['request_id']))
  expect(new Set(recorded).size).toBe(recorded.length)
  const reached = gateway.upstream.received().map(({ headers }) => String(headers['x-request-id']))
  expect([...asked, ...reached].filter((id) => !recorded.includes(id))).toEqual([])
  expect([asked.length, reached.length].every((count) => count > 50)).toBe(true)
  expect(gateway.allSettled().filter((line) => line['reason'] === 'internal')).toEqual([])
})
