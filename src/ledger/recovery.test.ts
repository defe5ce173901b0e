import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Recovery } from './ledger.ts'
import type { LostText } from './spool-messages.ts'

const nothing = (): undefined => undefined

test('lost calls that the spool cannot give just now keep nobody from his turn', async () => {
  let asked = 0
  const never = Promise.withResolvers<LostText[]>().promise
  const spool = {
    state: { bytes: 0, open: 0, waiting: 0, lost: 1, aside: 0, last: 0 },
    takeLost: () => (++asked > 100 ? never : Promise.resolve([])),
    recover: () => Promise.resolve(),
  }
  const log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
  new Recovery(spool, { pricing: { cost: nothing }, log }).wake()
  await setImmediate()
  expect(asked).toBe(1)
})
