import { create } from '@bufbuild/protobuf'
import { expect, test, vi } from 'vitest'
import { ChatRequestSchema, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import { fail } from '../error/index.ts'
import type { Provider } from '../provider/contract.ts'
import { createEgress } from '../provider/egress.ts'
import { openPrincipal } from './admit.ts'
import { countTokens } from './count.ts'
import { fixedRegistry } from './live.ts'
import { createRegistry } from './resolve.ts'
import { RetryBudget } from './retry.ts'

const nothing = (): undefined => undefined

/** What the core counts for "hello there" where the only provider counts like this. */
async function counted(counts: Provider['countTokens'], firstEvent = 9000, signal = new AbortController().signal) {
  const provider: Provider = counts === undefined ? {} : { countTokens: counts }
  const record = create(ProviderSchema, { id: 'p', name: 'p' })
  const messages = [{ role: Role.USER, parts: [{ kind: { case: 'text' as const, value: { text: 'hello there' } } }] }]
  const input = {
    id: 'r',
    clientRequestId: '',
    requestId: 'r',
    dialect: 'test',
    arrivedAt: performance.now(),
    requestBytes: 10,
    principal: openPrincipal,
    request: create(ChatRequestSchema, { model: 'p/m', messages }),
    signal,
  }
  return countTokens(input, {
    registry: fixedRegistry(createRegistry([{ record, provider, credentials: [], models: [], patterns: [] }], [])),
    retries: { perTarget: 0, budget: 10, maxRetryAfterMs: 1000 },
    recorder: { began: nothing, settled: nothing },
    budgetOf: () => new RetryBudget(0),
    timeouts: { connect: 9000, firstEvent, betweenEvents: 9000, total: 9000 },
    egress: createEgress({ connectTimeoutMs: 1000 }),
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  })
}

test("tells the provider's own count, and what the provider would not read", async () => {
  const count = await counted(async ({ model }) => ({ inputTokens: model.length + 6, dropped: ['seed'] }))
  expect(count).toMatchObject({ inputTokens: 7, estimated: false, dropped: ['seed'] })
})

test.each([
  ['has no method for it', undefined],
  ['says that it cannot', () => Promise.reject(fail('unsupported_operation', 'no'))],
])('estimates, and says so, where the provider %s', async (_how, counts) => {
  expect(await counted(counts)).toMatchObject({ inputTokens: 3, estimated: true, dropped: [] })
})

test('passes on what the provider throws otherwise', async () => {
  const failing = counted(() => Promise.reject(fail('rate_limited', 'slow down')))
  await expect(failing).rejects.toMatchObject({ reason: 'rate_limited' })
})

test('ends a count that takes longer than a first event may', async () => {
  const deaf = counted(
    (_request, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    20,
  )
  await expect(deaf).rejects.toMatchObject({ reason: 'timeout' })
})

test('asks no provider for a client that has left by then', async () => {
  const asked = vi.fn<NonNullable<Provider['countTokens']>>()
  const left = counted(asked, 9000, AbortSignal.abort(fail('client_closed', 'gone')))
  await expect(left).rejects.toMatchObject({ reason: 'client_closed' })
  expect(asked).not.toHaveBeenCalled()
})
