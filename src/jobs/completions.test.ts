import { expect, test, vi } from 'vitest'
import { fail } from '../error/index.ts'
import { requestRow } from '../../test/suites/store/rows.ts'
import type { BatchStore, Completion, RequestRow } from '../store/contract.ts'
import { Completions } from './completions.ts'

const nothing = (): undefined => undefined

function completed(line: number, body: string, request?: RequestRow): Completion {
  return {
    claim: { batchId: 'b', line, fence: 1 },
    outcome: { httpStatus: 200, requestId: 'r', body, dropped: [] },
    request,
    content: undefined,
  }
}

test('what the store cannot hold harms its line alone, which is not asked again', async () => {
  const written = new Map<number, Completion['outcome']>()
  const complete: BatchStore['complete'] = async (some) => {
    const isBad = ({ outcome, request }: Completion) =>
      request?.id === 'bad' || ('body' in outcome && outcome.body === 'bad')
    if (some.some(isBad)) throw fail('internal', 'no')
    for (const { claim, outcome } of some) written.set(claim.line, outcome)
    return some.map(() => true)
  }
  const error = vi.fn()
  const completions = new Completions({ complete }, { debug: nothing, info: nothing, warn: nothing, error })
  // The first is being written while the others come, which then go together.
  const all = [
    completed(0, 'good'),
    completed(1, 'good'),
    completed(2, 'bad'),
    completed(3, 'good', requestRow({ id: 'bad' })),
    completed(4, 'good', requestRow()),
  ]
  // A row that is not written here goes the usual way.
  expect(await Promise.all(all.map((one) => completions.write(one)))).toEqual([true, true, false, false, true])
  expect(written.get(2)).toMatchObject({ code: 'internal' })
  expect([0, 1, 3, 4].map((line) => written.get(line))).toMatchObject(
    Array.from({ length: 4 }, () => ({ httpStatus: 200 })),
  )
  expect(error).toHaveBeenCalledTimes(2)
})
