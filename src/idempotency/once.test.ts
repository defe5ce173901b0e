import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Store } from '../store/contract.ts'
import { openStore } from '../store/open.ts'
import { Leases } from './leases.ts'
import { Once } from './once.ts'
import { Turn } from './turn.ts'

/* On a real store, with leases that are over soon. */

const leaseMs = 1500
const name = { accountId: 'acme', keyId: 'k', key: 'once' }
const nothing = (): undefined => undefined
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing }

let folder: string
let store: Store
const opened: Leases[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-once-'))
  store = await openStore(join(folder, 'switchyard.db'))
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((leases) => leases.close()))
  await store.close()
  rmSync(folder, { recursive: true })
})

function process() {
  const leases = new Leases({ store: store.idempotency, leaseMs, everyMs: [20, 20], mostMs: 60_000 })
  opened.push(leases)
  return { once: new Once({ store: store.idempotency, maxBytes: 100, leases, log }), die: () => leases.close() }
}

async function turnOf(once: Once): Promise<Turn> {
  const begun = await once.begin(name, 'f')
  if (!(begun instanceof Turn)) throw new Error('it was answered before')
  return begun
}

const whole = (body: string) => ({ status: 200, headers: {}, body: Buffer.from(body) })

test('a key is in use for as long as its answer takes, however often its lease would be over', async () => {
  const [first, second] = [process(), process()]
  const turn = await turnOf(first.once)
  await setTimeout(2 * leaseMs)
  await expect(second.once.begin(name, 'f')).rejects.toMatchObject({ reason: 'conflict' })
  await turn.keepWhole(whole('first'))
  const again = await second.once.begin(name, 'f')
  expect(again instanceof Turn || Buffer.from(again.body).toString()).toBe('first')
})

test('the key of a process that is gone can be used anew soon, and what comes of it late changes nothing', async () => {
  const [first, second] = [process(), process()]
  const late = await turnOf(first.once)
  await first.die()
  await expect(second.once.begin(name, 'f')).rejects.toMatchObject({ reason: 'conflict' })
  await expect.poll(() => second.once.begin(name, 'f').catch(() => undefined), { interval: 20 }).toBeInstanceOf(Turn)
  await late.keepWhole(whole('late'))
  await late.giveBack()
  await expect(second.once.begin(name, 'f')).rejects.toMatchObject({ reason: 'conflict' })
})
