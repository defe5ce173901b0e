/**
 * A process that keeps a ledger and does nothing else: call after call, many at a time, each noted in a file before and after each of
 * its steps. Ends itself without warning at the point it is given, or goes on until somebody ends it. Its store is a file, too.
 * Arguments: the folder, the point (`never` for none), and how often that point is passed before the end.
 */
import { randomUUIDv7 } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { CallIntent, CallRecord } from '../../src/core/contract.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { usage } from '../../src/model/usage.ts'
import type { RequestRow } from '../../src/store/contract.ts'

const [, , folder = '', point = '', times = ''] = process.argv
let left = Number(times)

function pass(name: string): void {
  if (name === point && --left <= 0) process.kill(process.pid, 'SIGKILL')
}

function note(...words: readonly (string | number)[]): void {
  appendFileSync(join(folder, 'notes'), `${words.join(' ')}\n`)
}

const store = {
  append(rows: readonly RequestRow[]): Promise<void> {
    const lines = rows.map(({ id, usage: { inputTokens }, reason }) => JSON.stringify({ id, inputTokens, reason }))
    appendFileSync(join(folder, 'store'), `${lines.join('\n')}\n`)
    pass('stored')
    return Promise.resolve()
  },
  retain: () => Promise.resolve(),
}
const say = (fields: object, message: string): void => note('#', message, JSON.stringify(fields))
const ledger = await openLedger({
  folder: join(folder, 'data'),
  maxSpoolBytes: 1 << 30,
  store,
  pricing: { cost: (_vendor, _model, { inputTokens }) => ({ nanoUsd: BigInt(inputTokens), version: 'test' }) },
  keptMs: Infinity,
  contentMs: 1000,
  log: { debug: say, info: say, warn: say, error: say },
  watch: { committed: () => pass('committed'), moved: () => pass('moved'), dropped: () => undefined },
})

async function call(): Promise<void> {
  const id = randomUUIDv7()
  const known = {
    id,
    clientRequestId: '',
    keyId: 'k',
    account: 'a',
    dialect: 'openai',
    operation: 'chat',
    streaming: false,
    alias: 'm',
    provider: 'up',
    model: 'm',
    vendor: 'v',
    startedAt: Date.now(),
    requestBytes: 1,
  }
  note('start', id)
  const number = await ledger.begin({ ...known, inputEstimate: 1 } satisfies CallIntent)
  note('begun', id)
  pass('begun')
  await setTimeout(Math.random() * 4)
  const tokens = 2 + Math.floor(Math.random() * 1000)
  const record: CallRecord = {
    ...known,
    modelLabel: 'm',
    attempts: [],
    status: 'ok',
    httpStatus: 200,
    usage: usage({ inputTokens: tokens }),
    finishReasons: ['stop'],
    duration: 1,
    upstreamRequestId: '',
    responseBytes: 1,
  }
  note('settling', id, tokens)
  const settled = ledger.settle(record, number)
  pass('settling')
  await settled
  note('settled', id)
  pass('settled')
}

note('# ready')
await Promise.all(
  Array.from({ length: 20 }, async () => {
    for (;;) await call()
  }),
)
