import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dataDir } from '../data-dir.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type RunningGateway, startGateway } from '../../src/gateway.ts'

const run = promisify(execFile)
const blocks = [...readFileSync('README.md', 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)].map(([, code]) => code ?? '')
const calls = blocks.filter((code) => code.includes('curl '))

const folder = dataDir()
let gateway: RunningGateway
beforeAll(async () => {
  const config = loadConfig({ env: {}, flags: { port: '0', dataDir: folder } })
  gateway = await startGateway({ config, env: {}, log: pino({ level: 'silent' }) })
})
afterAll(() => gateway.stop())

test('the README shows a call for every dialect, for the contract as JSON and for gRPC, and the first steps with what is kept', () => {
  const all = calls.join('\n')
  for (const path of [
    '/v1/chat/completions',
    '/v1/messages',
    ':generateContent',
    '/v1/responses',
    '/v1/completions',
    '/v1/embeddings',
    '/api/v1/inference/chat',
    '/v1/inference/chat',
    '/v5/inference',
    'InferenceService/Chat',
    '--protocol grpc',
    '/v1/images/generations',
    '/v1/audio/speech',
    '/api/v1/inference/providers',
    '/api/v1/inference/usage',
    'keys create',
  ]) {
    expect(all).toContain(path)
  }
})

/** What an answer must say: of a management call that it went well, of any other that the simulator gave it. */
const expected = (code: string): RegExp => {
  if (code.includes('/embeddings')) return /"data":\[.*"embedding":\[-?0\.\d+,/
  if (code.includes('-o hello.wav')) return /^audio\/wav$/m
  return /inference\/(providers|usage)/.test(code)
    ? /"success":true,"data":.*"(local|totalRequests":[1-9])/
    : /simulated|lorem/i
}

test.each(calls)('the call of the README answers: %s', async (code) => {
  const command = code
    .replaceAll('http://127.0.0.1:3000', gateway.url)
    .replace('npx buf', 'node_modules/.bin/buf')
    .replace('hello.wav', join(folder, 'hello.wav'))
  const env = { ...process.env, SWITCHYARD_DATA_DIR: folder, SWITCHYARD_URL: gateway.url }
  const { stdout } = await run('bash', ['-c', command], { env })
  expect(stdout).toMatch(expected(code))
  expect(stdout).not.toMatch(/"error":\s*[{"]/)
  if (code.includes('usage --by model')) expect(stdout).toMatch(/^model.*\n.*echo/m)
})
