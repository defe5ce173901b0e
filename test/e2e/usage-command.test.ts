import { expect, onTestFinished, test, vi } from 'vitest'
import { tail } from '../../src/cli/tail.ts'
import { usage } from '../../src/cli/usage.ts'
import type { Surroundings } from '../../src/cli/surroundings.ts'
import { askJson, bearer, keyEntry, saying, sharedGateway } from './gateway.ts'

/* The commands that ask a running gateway what was used, and follow its request log. */

const key = 'the-key-of-usage'
const permissions = ['models:use', 'usage:read', 'requests:read']
const gateway = await sharedGateway({ config: { keys: [keyEntry('k', key, { permissions })] } })

function place() {
  const said = { out: '', err: '' }
  const stream = (name: 'out' | 'err') => ({ write: (words: string) => ((said[name] += words), true) })
  const env = { SWITCHYARD_URL: gateway.url, SWITCHYARD_API_KEY: key }
  return { said, surroundings: { env, stdout: stream('out'), stderr: stream('err') } as unknown as Surroundings }
}

async function call(model: string, requestId: string): Promise<number> {
  const headers = { ...bearer(key), 'x-request-id': requestId }
  return (await askJson(`${gateway.url}/v1/chat/completions`, { model, messages: saying('Hello') }, headers)).status
}

async function shown(format: string, by: string): Promise<string> {
  const { said, surroundings } = place()
  expect([await usage({ by, format, since: '1h' }, surroundings), said.err]).toEqual([0, ''])
  return said.out
}

test('what was used is a table with bars, CSV or JSON, of the same numbers', async () => {
  for (const turn of [1, 2, 3]) expect(await call('simulator/echo', `used-${turn}`)).toBe(200)
  expect(await call('simulator/status-500', 'failed-1')).toBe(502)
  await vi.waitFor(async () => expect(await shown('table', 'status,model')).toMatch(/^total +4 /m), 9000)
  const table = await shown('table', 'status,model')
  const lines = table.trimEnd().split('\n')
  expect(lines[0]).toMatch(/^status +model +requests +errors +input +output +cost_usd +unpriced +p50_ms +p95_ms$/)
  expect(lines.find((line) => line.startsWith('ok'))).toMatch(/^ok +echo +3 +0 +3 +12 +3 +\d+ +\d+ +█{24}$/)
  expect(lines.find((line) => line.startsWith('error'))).toMatch(/^error +status-500 +1 +1 +0 +0 .*█/)
  expect(lines.at(-1)).toMatch(/^total +4 +1 +3 +12 /)
  expect(await shown('csv', 'status,model')).toMatch(
    /^status,model,requests,errors,input,output,cost_usd,unpriced,p50_ms,p95_ms\r\n(?:.*\r\n)*ok,echo,3,0,3,12,,3,\d+,\d+\r\n/,
  )
  const { rows, total } = JSON.parse(await shown('json', 'status')) as { rows: object[]; total: object }
  expect(rows).toContainEqual(expect.objectContaining({ group: ['ok'], requests: '3' }))
  expect(total).toMatchObject({ requests: '4', errors: '1' })
})

test('the request log is followed as calls end, those that are asked for alone', async () => {
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const [all, failed] = [place(), place()]
  const ended = [
    tail({}, all.surroundings, stop.signal),
    tail({ status: 'error', json: true }, failed.surroundings, stop.signal),
  ]
  // Nobody is told when the gateway begins to tell.
  await vi.waitFor(async () => {
    expect(await call('simulator/status-500', 'seen')).toBe(502)
    expect(all.said.out).toContain('simulator/status-500 -> simulator/status-500  error provider_error  0+0 tokens')
    expect(failed.said.out).toContain('"clientRequestId":"seen"')
  }, 9000)
  expect(await call('simulator/echo', 'well')).toBe(200)
  await vi.waitFor(() =>
    expect(all.said.out).toMatch(
      / k {2}openai {2}chat {2}simulator\/echo -> simulator\/echo {2}ok {2}1\+4 tokens {2}\d+ ms$/m,
    ),
  )
  expect(
    failed.said.out
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { status: string }).status),
  ).not.toContain('ok')
  stop.abort()
  expect(await Promise.all(ended)).toEqual([0, 0])
  expect([all.said.err, failed.said.err]).toEqual(['', ''])
})
