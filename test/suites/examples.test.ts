import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json, text as wholeText } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'

const examples = 'plugins/remote/examples'

/** A Python that has gRPC: the one on the path, or the system's own, for which distributions package it. */
const python = ['python3', '/usr/bin/python3'].find(
  (command) => spawnSync(command, ['-c', 'import grpc, google.protobuf']).status === 0,
)

interface Card {
  readonly conforms: boolean
  readonly checks: readonly { readonly feature: string; readonly result: string; readonly why: string }[]
}

/** Starts an example on a free port, and resolves with its port once it says so. */
async function start(command: string, file: string): Promise<AsyncDisposable & { readonly port: string }> {
  const child = spawn(command, [`${examples}/${file}`, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const port = await portOf(child)
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

function portOf(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let said = ''
  child.stdout?.on('data', (piece: Buffer) => {
    said += piece.toString()
    const [, port] = /listening on \w+:\/\/127\.0\.0\.1:(\d+)\n/.exec(said) ?? []
    if (port !== undefined) resolve(port)
  })
  child.once('exit', () => reject(new Error('the example ended before it listened')))
  return promise
}

function conformance(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync('node', ['src/main.ts', 'conformance', ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

function card(text: string): Card {
  return JSON.parse(text) as Card
}

describe('the examples of remote providers conform', () => {
  const languages = [
    { language: 'TypeScript', command: 'node', file: 'typescript/server.ts' },
    { language: 'Python', command: python, file: 'python/server.py' },
  ]
  for (const { language, command, file } of languages) {
    test.skipIf(command === undefined)(language, async () => {
      await using server = await start(command ?? '', file)
      const { status, stdout } = conformance(`grpc://127.0.0.1:${server.port}`, '--json')
      const { conforms, checks } = card(stdout)
      expect(checks.filter(({ result }) => result === 'fail')).toEqual([])
      expect(checks.filter(({ result }) => result === 'pass').length).toBeGreaterThan(10)
      expect(conforms).toBe(true)
      expect(status).toBe(0)
    })
  }
})

test('the provider from scratch of docs/plugins.md conforms, as it is printed', async () => {
  const [, code = ''] =
    /^## A provider from scratch$[^]*?^```ts\n([^]*?)^```$/m.exec(readFileSync('docs/plugins.md', 'utf8')) ?? []
  // Where it may import what a plugin of this folder may, and git does not look.
  mkdirSync('.switchyard', { recursive: true })
  const folder = mkdtempSync('.switchyard/example-')
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(`${folder}/index.ts`, code)
  const upstream = createServer((request, response) => {
    void json(request).then((body) => {
      const { prompt } = body as { readonly prompt: string }
      response.end(`{"text": "you said "}\n${JSON.stringify({ text: prompt })}\n{"tokens": 4}\n`)
    })
  })
  onTestFinished(() => void upstream.close())
  await once(upstream.listen(0, '127.0.0.1'), 'listening')
  const { port } = upstream.address() as AddressInfo
  const args = [`./${folder}`, '--base-url', `http://127.0.0.1:${port}`, '--model', 'x', '--json']
  const child = spawn('node', ['src/main.ts', 'conformance', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { conforms, checks } = card(await wholeText(child.stdout))
  expect(checks.filter(({ result }) => result === 'fail')).toEqual([])
  expect(checks.filter(({ result }) => result === 'pass').length).toBeGreaterThan(7)
  expect(conforms).toBe(true)
})

test("the Python example's contract is the one in proto/; npm run generate writes it", () => {
  const { generate } = (JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { generate: string } }).scripts
  const file = `${examples}/python/switchyard.binpb`
  const command =
    generate
      .split('&&')
      .find((step) => step.includes(file))
      ?.trim()
      .split(/\s+/) ?? []
  expect(command.slice(0, 2)).toEqual(['buf', 'build'])
  const fresh = execFileSync('buf', [...command.slice(1, command.indexOf('-o')), '-o', '-'])
  expect(readFileSync(file).equals(fresh)).toBe(true)
})

describe('switchyard conformance', () => {
  test('prints a scorecard of a plugin by its type', () => {
    const { status, stdout } = conformance('simulator')
    expect(stdout).toMatch(/^simulator \(plugin\), asked for the model echo$/m)
    expect(stdout).toMatch(/^ {2}chat +cancellation within a stream \* +pass$/m)
    expect(stdout).toMatch(/^\d+ passed, 0 failed, 0 not supported: it conforms \(\* is mandatory\)$/m)
    expect(status).toBe(0)
  })

  test('examines a plugin by its path', () => {
    const { status, stdout } = conformance('./plugins/simulator', '--model', 'lorem?tokens=20', '--json')
    expect(card(stdout)).toMatchObject({ subject: 'simulator', kind: 'plugin', model: 'lorem?tokens=20' })
    expect(status).toBe(0)
  })

  test('ends with 1 when a mandatory check failed, and says which and why', () => {
    const { status, stdout } = conformance('simulator', '--model', 'status-500', '--json')
    const { conforms, checks } = card(stdout)
    expect(conforms).toBe(false)
    expect(checks.find(({ feature }) => feature === 'text')).toMatchObject({
      result: 'fail',
      why: expect.stringMatching(/^provider_error: /),
    })
    expect(status).toBe(1)
  })

  test.each([
    [['no-such-plugin'], /no-such-plugin/],
    [['./no/such/folder'], /cannot be loaded/],
    [['simulator', '--settings', '{"misspelt":1}'], /settings.*misspelt/],
    [['simulator', '--settings', 'nonsense'], /--settings is a JSON object/],
    [['simulator', '--timeout', 'soon'], /--timeout/],
    [['grpc://127.0.0.1:9', '--key-variable', 'UNSET_API_KEY'], /UNSET_API_KEY is not set/],
    [['databricks', '--model', 'm'], /needs a base_url/],
    [['perplexity'], /--model/],
  ])('tells in one line what is wrong with %j', (args, line) => {
    const { status, stdout, stderr } = conformance(...args)
    expect(stderr).toMatch(line)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stdout).toBe('')
    expect(status).toBe(1)
  })
})
