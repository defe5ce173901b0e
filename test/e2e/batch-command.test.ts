import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { cancelBatch, listBatches, submitBatch, watchBatch } from '../../src/cli/batch.ts'
import type { Surroundings } from '../../src/cli/surroundings.ts'
import { saying, sharedGateway } from './gateway.ts'

/* The command on batches, asking a running gateway. */

const gateway = await sharedGateway({ config: { batches: { poll: '50ms' } } })
const folder = mkdtempSync(join(tmpdir(), 'switchyard-batch-command-'))
afterAll(() => rmSync(folder, { recursive: true }))

const never = new AbortController().signal

/** A process that keeps what it says, on a terminal or not. */
function place(isTTY = false) {
  const said = { out: '', err: '' }
  const stream = (name: 'out' | 'err') => ({
    isTTY,
    columns: 100,
    write: (text: string) => {
      said[name] += text
      return true
    },
  })
  const surroundings = {
    env: { SWITCHYARD_URL: gateway.url },
    stdout: stream('out'),
    stderr: stream('err'),
  } as unknown as Surroundings
  return { said, surroundings }
}

function inputOf(name: string, ids: readonly string[]): string {
  const path = join(folder, name)
  const body = { model: 'simulator/echo', messages: saying('hello') }
  const line = (id: string) => ({ custom_id: id, method: 'POST', url: '/v1/chat/completions', body })
  writeFileSync(path, ids.map((id) => `${JSON.stringify(line(id))}\n`).join(''))
  return path
}

test('submits a file and follows it to its end, a line for each change', async () => {
  const { said, surroundings } = place()
  const flags = { watch: true, endpoint: '/v1/chat/completions', metadata: ['for=a test'] }
  expect(await submitBatch(inputOf('good', ['a', 'b', 'b']), flags, surroundings, never)).toBe(0)
  const [id = '', ...lines] = said.out.trimEnd().split('\n')
  expect(id).toMatch(/^batch_[0-9a-f]{32}$/)
  expect(lines.slice(-3)).toEqual([
    'completed: 3 of 3, 1 failed',
    expect.stringMatching(/^output file-[0-9a-f]{32}$/),
    expect.stringMatching(/^errors file-[0-9a-f]{32}$/),
  ])
  expect([lines.length, said.err]).toEqual([new Set(lines).size, ''])
  const listed = place()
  expect(await listBatches({ limit: '5', status: 'completed' }, listed.surroundings)).toBe(0)
  expect(listed.said.out).toMatch(new RegExp(`^${id} +completed +3 +2 +1 `, 'm'))
})

test('draws a bar on a terminal, and says why a batch failed', async () => {
  const { said, surroundings } = place(true)
  expect(await submitBatch(inputOf('one', ['a']), { watch: true }, surroundings, never)).toBe(0)
  expect(said.out).toContain(`\r\u001B[K${'█'.repeat(24)} 100 %  completed: 1 of 1\noutput file-`)
  const failed = place(true)
  expect(await submitBatch(inputOf('empty', []), { watch: true }, failed.surroundings, never)).toBe(1)
  expect(failed.said.out).toMatch(/failed: 0 of 0\ninvalid_request: the input has no lines\n$/)
})

test('cancels, and leaves whoever watches no longer', async () => {
  const submitted = place()
  await submitBatch(inputOf('more', ['a']), {}, submitted.surroundings, never)
  const id = submitted.said.out.trim()
  const { said, surroundings } = place()
  expect(await cancelBatch(id, {}, surroundings)).toBe(0)
  expect(said.out).toMatch(/^(?:cancelling|cancelled|completed|finalizing)\n$/)
  expect(await watchBatch(id, {}, place().surroundings, AbortSignal.abort())).toBe(0)
})

test('says in a line what is wrong', async () => {
  const problem = async (run: (surroundings: Surroundings) => Promise<number>) => {
    const { said, surroundings } = place()
    return [await run(surroundings), said.err]
  }
  const nobody = { url: 'http://127.0.0.1:9' }
  expect([
    await problem((at) => submitBatch(join(folder, 'none'), {}, at, never)),
    await problem((at) => submitBatch('https://127.0.0.1/in', {}, at, never)),
    await problem((at) => submitBatch('x', { metadata: ['no-value'] }, at, never)),
    await problem((at) => listBatches({ limit: '5', status: 'gone' }, at)),
    await problem((at) => listBatches({ limit: '0' }, at)),
    await problem((at) => watchBatch('batch_0', {}, at, never)),
    await problem((at) => cancelBatch('batch_0', nobody, at)),
  ]).toEqual([
    [1, expect.stringMatching(/^switchyard: the file .* cannot be read\n$/)],
    [1, 'switchyard: the URL leads to no public address that answers\n'],
    [2, 'switchyard: --metadata: must be like name=value\n'],
    [2, expect.stringMatching(/^switchyard: --status: one of validating, /)],
    [2, 'switchyard: --limit: a whole number from 1 to 999\n'],
    [1, 'switchyard: there is no batch of that id\n'],
    [1, expect.stringMatching(/^switchyard: no gateway answers there/)],
  ])
})
