import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { saying } from '../e2e/gateway.ts'
import { Gate } from '../services/gate.ts'
import { type Postgres, startPostgres } from '../services/postgres.ts'
import { type Answered, ask, post } from './client.ts'
import { type FaultyGateway, openGateway } from './gateway.ts'
import { type FaultUpstream, startFaultUpstream, well } from './upstream.ts'

/* Requests with an Idempotency-Key, where there are several gateways, or no store. */

let postgres: Postgres
let upstream: FaultUpstream
/** Between the first gateway and the database, which the other one reaches by itself. */
let gate: Gate
let gateway: FaultyGateway
let other: FaultyGateway

beforeAll(async () => {
  postgres = await startPostgres()
  upstream = await startFaultUpstream()
  const database = await postgres.database()
  const { hostname, port, href } = new URL(database)
  gate = await Gate.open(hostname, Number(port))
  gateway = await gatewayOn(href.replace(`${hostname}:${port}`, `127.0.0.1:${gate.port}`))
  other = await gatewayOn(database)
})
afterAll(async () => {
  await Promise.all([gateway, other].map((one) => one[Symbol.asyncDispose]()))
  await gate.close()
  await upstream.close()
  await postgres.end()
})

beforeEach(() => upstream.answer('m', well))

/** A gateway on a database, in front of the upstream that both of them have. */
function gatewayOn(database: string): Promise<FaultyGateway> {
  return openGateway({
    env: { SWITCHYARD_DATABASE_URL: database },
    providers: () => [{ name: 'shared', type: 'openai', base_url: upstream.url, env_var: 'UP_API_KEY' }],
  })
}

function send({ url }: FaultyGateway, key?: string): Promise<Answered> {
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key }
  return ask(`${url}/v1/chat/completions`, { model: 'shared/m', messages: saying('hello') }, headers)
}

test('of forty at once at two replicas, one is asked, and both give its answer afterwards', async () => {
  const replicas = [gateway, other]
  const before = upstream.received().length
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => replicas.map((replica) => send(replica, 'everywhere'))).flat(),
  )
  const [first, ...others] = answers.filter(({ headers, status }) => status === 200 && !headers['idempotent-replayed'])
  expect(others).toEqual([])
  const again = [
    ...answers.filter((answer) => answer !== first && answer.status !== 409),
    ...(await Promise.all(replicas.map((replica) => send(replica, 'everywhere')))),
  ]
  for (const { status, text, headers } of again)
    expect([status, text, headers['x-request-id']]).toEqual([200, first?.text, first?.headers['x-request-id']])
  expect(upstream.received()).toHaveLength(before + 1)
})

test('without the store, what names a key is refused before anybody is asked; all else is answered', async () => {
  gate.cut()
  const before = upstream.received().length
  const refused = await send(gateway, 'unsafe')
  expect([refused.status, JSON.parse(refused.text)]).toMatchObject([503, { error: { type: 'server_error' } }])
  expect(upstream.received()).toHaveLength(before)
  expect((await send(gateway)).status).toBe(200)
  gate.admit()
  await expect.poll(async () => (await send(gateway, 'unsafe')).status, { interval: 50 }).toBe(200)
  expect(upstream.received()).toHaveLength(before + 2)
})

test('an answer that cannot be kept is given all the same, and kept as soon as it can be', async () => {
  const before = upstream.received().length
  upstream.answer('m', async (response, asked) => {
    gate.cut()
    await well(response, asked)
  })
  const first = await send(gateway, 'too-late')
  expect(first.status).toBe(200)
  upstream.answer('m', well)
  gate.admit()
  await expect
    .poll(async () => (await send(gateway, 'too-late')).headers['idempotent-replayed'], {
      interval: 50,
    })
    .toBe('true')
  expect((await send(gateway, 'too-late')).text).toBe(first.text)
  expect(upstream.received()).toHaveLength(before + 1)
  expect(gateway.log()).toContain('an answer could not be kept')
})

const messages = saying('hello')

/** Ways to ask and to leave before the answer is over. Each gives what a client that comes back is told, too. */
const leaving = {
  'a whole answer': ({ url }: FaultyGateway, headers: Record<string, string>) => {
    const path = `${url}/v1/chat/completions`
    const asking = post(path, { model: 'shared/m', messages }, headers)
    return {
      leave: () => asking.leave(),
      again: async () => seen(await ask(path, { model: 'shared/m', messages }, headers)),
    }
  },
  'a stream': ({ url }: FaultyGateway, headers: Record<string, string>) => {
    const path = `${url}/v1/chat/completions`
    const body = { model: 'shared/m', messages, stream: true }
    const asking = post(path, body, headers)
    return { leave: () => asking.leave(), again: async () => seen(await ask(path, body, headers)) }
  },
  'a stream over gRPC': ({ rpc }: FaultyGateway, headers: Record<string, string>) => {
    const left = new AbortController()
    const parts = [{ kind: { case: 'text' as const, value: { text: 'hello' } } }]
    const asked = { model: 'shared/m', messages: [{ role: Role.USER, parts }] }
    Array.fromAsync(rpc.streamChat(asked, { headers, signal: left.signal })).catch(() => undefined)
    return {
      leave: () => left.abort(),
      async again() {
        let replayed = null
        const onHeader = (head: Headers): void => void (replayed = head.get('idempotent-replayed'))
        const events = await Array.fromAsync(rpc.streamChat(asked, { headers, onHeader })).catch(() => [])
        return [
          replayed,
          JSON.stringify(
            events.map(({ event }) => event.value),
            ['text', 'reason'],
          ),
        ]
      },
    }
  },
} as const

function seen({ headers, text }: Answered): unknown[] {
  return [headers['idempotent-replayed'], text]
}

test.each(Object.entries(leaving))(
  '%s that was complete when its client left is given to it when it comes back',
  async (what, leavingAs) => {
    upstream.answer('m', async (response, asked) => {
      // From now on nothing can be kept, until the gate is open again.
      gate.freeze()
      await well(response, asked)
    })
    const before = upstream.received().length
    const id = what.replaceAll(' ', '-')
    const { leave, again } = leavingAs(gateway, { 'idempotency-key': id, 'x-request-id': id })
    expect(await gateway.settled(id)).toMatchObject([{ status: 'ok' }])
    leave()
    // Time to be seen to have left.
    await setTimeout(100)
    gate.admit()
    await expect.poll(again, { interval: 50 }).toEqual(['true', expect.stringContaining('three ')])
    expect(upstream.received()).toHaveLength(before + 1)
  },
)
