import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import type { RunningGateway } from '../gateway.ts'
import { startScreen } from './start-screen.ts'

function gateway(given: Partial<RunningGateway>): RunningGateway {
  const simulator = { name: 'simulator', type: 'simulator', models: ['echo'] }
  const url = 'http://127.0.0.1:3000'
  return {
    url,
    host: '127.0.0.1',
    port: 3000,
    keysRequired: false,
    firstKey: undefined,
    providers: [simulator],
    stop: async () => {},
    ...given,
  }
}

function provider(index: number) {
  return { name: `provider-${index}`, type: `type-${index}`, models: [`model-${index}`] }
}

test('says where everything is, who answers, and that the gateway is open', () => {
  const screen = startScreen(gateway({}))
  expect(screen).toContain('http://127.0.0.1:3000/docs')
  expect(screen).toContain('http://127.0.0.1:3000/metrics')
  expect(screen).toMatch(/gRPC +127\.0\.0\.1:3000 \(cleartext/)
  expect(screen).toMatch(/Providers +simulator +simulator/)
  expect(screen).toMatch(/Keys +not required/)
  expect(screen).toContain('Warning: no keys')
})

test('fits a screen of 24 lines and 120 columns with any number of providers', () => {
  for (const keysRequired of [true, false]) {
    const lines = startScreen(
      gateway({ keysRequired, providers: Array.from({ length: 40 }, (_, index) => provider(index)) }),
    ).split('\n')
    expect(lines.length).toBeLessThanOrEqual(24 + 1)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120)
    expect(lines.join('\n')).toContain('and 32 more')
  }
})

test('with keys there is no warning, and the command has a place for one', () => {
  const screen = startScreen(gateway({ keysRequired: true }))
  expect(screen).not.toContain('Warning')
  expect(screen).toContain("-H 'authorization: Bearer YOUR_KEY'")
})

test('an IPv6 address with TLS is shown as one', () => {
  expect(startScreen(gateway({ url: 'https://[::1]:8443', host: '::1', port: 8443 }))).toMatch(
    /gRPC +\[::1\]:8443 \(TLS/,
  )
})

test('without the simulator the command asks the first provider that lists a model', () => {
  const silent = { name: 'silent', type: 'any', models: [] }
  expect(startScreen(gateway({ providers: [silent, provider(1)] }))).toContain('"model":"provider-1/model-1"')
  expect(startScreen(gateway({ providers: [silent] }))).not.toContain('curl')
  expect(startScreen(gateway({ providers: [] }))).toMatch(/Providers +none/)
})

test('the command is one that a shell takes as it is', () => {
  const command = startScreen(gateway({ keysRequired: true })).split('Try it:')[1] ?? ''
  const words = execFileSync('sh', ['-c', `curl() { printf '%s\\n' "$@"; }; ${command}`], { encoding: 'utf8' })
    .trim()
    .split('\n')
  expect(words).toEqual([
    'http://127.0.0.1:3000/v1/chat/completions',
    '-H',
    'authorization: Bearer YOUR_KEY',
    '-H',
    'content-type: application/json',
    '-d',
    '{"model":"simulator/echo","messages":[{"role":"user","content":"Hello"}]}',
  ])
})
