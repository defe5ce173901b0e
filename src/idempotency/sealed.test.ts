import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { IdempotencyStore, KeptAnswer, OnceName, Store } from '../store/contract.ts'
import { openStore } from '../store/open.ts'
import { sealedAnswers } from './sealed.ts'

const [newer, older] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
const name: OnceName = { accountId: 'acme', keyId: 'k', key: 'once' }
const canary = 'the-words-of-an-answer'
const answer: KeptAnswer = { status: 200, headers: { 'content-type': 'text/plain' }, body: Buffer.from(canary) }

let folder: string
let store: Store

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-sealed-'))
  store = await openStore(join(folder, 'switchyard.db'))
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

async function keep(answers: IdempotencyStore, content = answer, of = name): Promise<void> {
  const begun = await answers.begin(of, 'f', 100, 1)
  if (begun.state !== 'new') throw new Error('it was begun before')
  expect(await answers.finish(of, begun.fence, content, 1000)).toBe(true)
}

function inStore(): boolean {
  return readdirSync(folder).some((file) => readFileSync(join(folder, file)).includes(canary))
}

test('what is sealed is given again as it was, and is not to be read in the store', async () => {
  const answers = sealedAnswers(store.idempotency, [older])
  await keep(answers)
  expect(inStore()).toBe(false)
  expect(await answers.begin(name, 'f', 100, 2)).toEqual({ state: 'done', answer })
  // A key that replaces another opens what that has sealed.
  const again = await sealedAnswers(store.idempotency, [newer, older]).begin(name, 'f', 100, 2)
  expect(again.state === 'done' && Buffer.from(again.answer.body ?? []).toString()).toBe(canary)
})

test('without a key it is kept as it is, and given again also when there is a key by then', async () => {
  await keep(sealedAnswers(store.idempotency, []))
  expect(inStore()).toBe(true)
  const again = await sealedAnswers(store.idempotency, [newer]).begin(name, 'f', 100, 2)
  expect(again.state === 'done' && [again.answer.headers, Buffer.from(again.answer.body ?? []).toString()]).toEqual([
    answer.headers,
    canary,
  ])
})

test('of what is too large to be kept there is nothing to seal', async () => {
  const answers = sealedAnswers(store.idempotency, [newer])
  await keep(answers, { ...answer, body: undefined })
  expect(await answers.begin(name, 'f', 100, 2)).toEqual({ state: 'done', answer: { ...answer, body: undefined } })
})

test.each([
  ['without its key', [newer], ''],
  ['without any key', [], ''],
  ['under another name', [older], `update once_request set name = 'other'`],
  ['when it was changed', [older], `update once_request set body = zeroblob(60)`],
  ['when it was cut', [older], `update once_request set body = zeroblob(3)`],
] as const)('is not given %s, nor asked anew', async (_what, keys, spoiling) => {
  await keep(sealedAnswers(store.idempotency, [older]))
  const database = new DatabaseSync(join(folder, 'switchyard.db'))
  database.exec(spoiling)
  database.close()
  const key = spoiling.includes('other') ? 'other' : name.key
  const begun = sealedAnswers(store.idempotency, keys).begin({ ...name, key }, 'f', 100, 2)
  await expect(begun).rejects.toMatchObject({ reason: 'internal', details: { retryable: true } })
})
