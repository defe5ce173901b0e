import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CallIntent, CallRecord } from '../core/contract.ts'
import { usage } from '../model/usage.ts'
import type { RequestRow } from '../store/contract.ts'
import { type OpenLedger, openLedger } from './ledger.ts'

let folder: string
let rows: RequestRow[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-held-'))
  rows = []
})
afterEach(() => rmSync(folder, { recursive: true }))

const nothing = (): undefined => undefined

/** A ledger on the folder; what an earlier one left there is settled by the next. */
async function open(): Promise<OpenLedger> {
  return await openLedger({
    folder,
    maxSpoolBytes: 1 << 30,
    store: {
      append: (given) => Promise.resolve(void rows.push(...given)),
      retain: () => Promise.resolve(),
    },
    pricing: { cost: () => undefined },
    keptMs: Infinity,
    contentMs: 1000,
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  })
}

const intent: CallIntent = {
  id: 'call',
  clientRequestId: '',
  keyId: 'k',
  account: 'a',
  dialect: 'openai',
  operation: 'chat',
  streaming: false,
  alias: 'm',
  provider: 'p',
  model: 'm',
  vendor: 'v',
  startedAt: 1000,
  requestBytes: 1,
  inputEstimate: 3,
}
const record: CallRecord = {
  ...intent,
  modelLabel: 'm',
  attempts: [],
  status: 'ok',
  httpStatus: 200,
  usage: usage({ inputTokens: 9 }),
  finishReasons: [],
  duration: 1,
  upstreamRequestId: '',
  responseBytes: 1,
}

test('a call that is held back is nowhere until it is passed on', async () => {
  const ledger = await open()
  const held = ledger.hold()
  expect(held.row).toBeUndefined()
  const number = await held.begin(intent)
  await held.settle(record, number, { request: '{}', response: '[]' })
  expect(held.row).toMatchObject({ id: 'call', accountId: 'a', usage: { inputTokens: 9 } })
  expect(held.content).toMatchObject({ id: 'call', request: '{}', response: '[]' })
  await ledger.flush()
  expect([rows, ledger.state.open]).toEqual([[], 1])
  await held.passOn()
  await ledger.flush()
  expect(rows).toMatchObject([{ id: 'call', reason: '', usage: { inputTokens: 9 } }])
  await ledger.close(1000)
})

test('one that the store has is forgotten, and one that nobody said anything of is lost', async () => {
  const ledger = await open()
  for (const id of ['taken', 'lost']) {
    const held = ledger.hold()
    await held.settle({ ...record, id }, await held.begin({ ...intent, id }))
    if (id === 'taken') held.taken()
  }
  await ledger.close(1000)
  const next = await open()
  await expect.poll(() => rows.map(({ id, reason }) => `${id} ${reason}`)).toEqual(['lost gateway_lost'])
  await next.close(1000)
})

test('a call that no provider was asked for is noted when it is passed on', async () => {
  const ledger = await open()
  const held = ledger.hold()
  held.note({ ...record, status: 'error', reason: 'model_not_found' })
  expect(held.row).toMatchObject({ reason: 'model_not_found' })
  await held.passOn()
  await ledger.flush()
  expect(rows).toMatchObject([{ id: 'call', reason: 'model_not_found' }])
  await ledger.close(1000)
})
