import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, test } from 'vitest'

import { dataDir } from '../data-dir.ts'

const root = new URL('../../', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'switchyard-serve-'))
const running = new Set<ChildProcess>()
const servers = new Set<Server>()

afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  running.clear()
  servers.clear()
})
afterAll(() => rmSync(folder, { recursive: true }))

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A real process, with none of this one's variables but PATH. */
class Command {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''

  /** `stdout` is a file descriptor to write to instead of keeping what is written. */
  constructor(args: readonly string[], env: Record<string, string> = {}, stdout: number | 'pipe' = 'pipe') {
    this.child = spawn(process.execPath, ['src/main.ts', ...args], {
      cwd: root,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', stdout, 'pipe'],
    })
    running.add(this.child)
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.ended = once(this.child, 'close').then(([code]) => {
      running.delete(this.child)
      return { code: code as number | null, stdout: this.stdout, stderr: this.stderr }
    })
  }

  /** The first group of a pattern, once it is on standard error. Rejects when the process ends without it. */
  async says(pattern: RegExp): Promise<string> {
    while (running.has(this.child)) {
      const [, found] = pattern.exec(this.stderr) ?? []
      if (found !== undefined) return found
      await setTimeout(20)
    }
    throw new Error(`${String(pattern)} was never on the screen:\n${this.stderr}`)
  }

  url(): Promise<string> {
    return this.says(/HTTP +(http:\S+)\n[^]*Keys /)
  }

  stop(): Promise<Ended> {
    this.child.kill('SIGTERM')
    return this.ended
  }
}

function serve(args: readonly string[] = [], env: Record<string, string> = {}): Command {
  return new Command(['serve', '--port', '0', '--data-dir', dataDir(), ...args], env)
}

function configFile(name: string, yaml: string): string {
  const path = join(folder, name)
  writeFileSync(path, yaml)
  return path
}

async function listen(server: Server): Promise<number> {
  servers.add(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

function chat(url: string, model: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'a word to echo' }] }),
  })
}

function logged(stdout: string): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** What is asked of every start that fails: code 1, one line, no stack, no log but JSON. */
async function refusal(command: Command): Promise<string> {
  const { code, stdout, stderr } = await command.ended
  expect(stderr).toMatch(/^[^\n]+\n$/)
  expect(stderr).not.toMatch(/^\s+at /m)
  expect(code).toBe(1)
  logged(stdout)
  return stderr.trimEnd()
}

describe('running', () => {
  test('prints the address it really has, answers a chat, and ends with 0 after SIGTERM', async () => {
    const command = serve()
    const url = await command.url()
    expect(Number(new URL(url).port)).toBeGreaterThan(0)
    expect(command.stderr).toMatch(/Keys +not required/)
    expect(command.stderr).toContain('Warning: no keys')

    const response = await chat(url, 'simulator/echo')
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('a word to echo')

    const { code, stdout } = await command.stop()
    expect(code).toBe(0)
    for (const line of logged(stdout)) expect(line).toHaveProperty('level')
    await expect(fetch(url)).rejects.toThrow()
  })

  test('the command on the screen works when it is pasted', async () => {
    const command = serve()
    await command.url()
    const pasted = command.stderr.split('Try it:\n')[1]?.split('\n\n')[0] ?? ''
    const shell = spawn('sh', ['-c', pasted])
    let answer = ''
    shell.stdout.setEncoding('utf8').on('data', (text: string) => (answer += text))
    const [code] = (await once(shell, 'close')) as [number]
    expect(code).toBe(0)
    expect(JSON.parse(answer)).toMatchObject({ object: 'chat.completion' })
    expect((await command.stop()).code).toBe(0)
  })

  test('SIGINT stops as SIGTERM does', async () => {
    const command = serve()
    await command.url()
    command.child.kill('SIGINT')
    expect((await command.ended).code).toBe(0)
  })

  test.each([
    ['the flag', ['--simulate'], {}],
    ['the variable', [], { SWITCHYARD_SIMULATE: '1' }],
  ])('with %s every model name that no provider claims answers from the simulator', async (_how, flags, env) => {
    const command = serve(flags, env)
    const url = await command.url()
    for (const model of ['no-such-model', 'gpt-4o', 'claude-sonnet-4-20250514', 'vendor/model']) {
      expect((await chat(url, model)).status, model).toBe(200)
    }
    expect((await command.stop()).code).toBe(0)
  })

  test('a log that cannot be written is told once, and calls are answered', async () => {
    const full = openSync('/dev/full', 'w')
    const command = new Command(['serve', '--port', '0', '--data-dir', dataDir(), '--log-level', 'trace'], {}, full)
    closeSync(full)
    const url = await command.url()
    await command.says(/(the log cannot be written: ENOSPC)/)
    expect((await chat(url, 'simulator/echo')).status).toBe(200)
    const { code, stderr } = await command.stop()
    expect(code).toBe(0)
    expect(stderr.match(/cannot be written/g)).toHaveLength(1)
  })

  test('without simulation a model name that nobody has is not found', async () => {
    const command = serve()
    expect((await chat(await command.url(), 'no-such-model')).status).toBe(404)
    await command.stop()
  })

  test('a configured key is required, and is known by its hash', async () => {
    const hash = createHash('sha256').update('a-key-of-the-test').digest('hex')
    const command = serve(['--config', configFile('keys.yaml', `keys: [{ id: test, hash: "sha256:${hash}" }]\n`)])
    const url = await command.url()
    expect(command.stderr).toMatch(/Keys +required/)
    expect(command.stderr).not.toContain('Warning')
    expect((await chat(url, 'simulator/echo')).status).toBe(401)
    expect((await chat(url, 'simulator/echo', { authorization: 'Bearer another' })).status).toBe(401)
    expect((await chat(url, 'simulator/echo', { authorization: 'Bearer a-key-of-the-test' })).status).toBe(200)
    const { code, stdout, stderr } = await command.stop()
    expect(code).toBe(0)
    expect(stdout + stderr).not.toContain('a-key-of-the-test')
  })
})

const lateAnswer = JSON.stringify({
  id: 'x',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'late but whole' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 3, total_tokens: 4 },
})

/** A gateway with one call in progress at an upstream that waits for `answer`. */
async function withCallInProgress() {
  const { promise: asked, resolve: tellAsked } = Promise.withResolvers<void>()
  const { promise: released, resolve: answer } = Promise.withResolvers<void>()
  const upstream = createServer((_request, response) => {
    tellAsked()
    void released.then(() => response.setHeader('content-type', 'application/json').end(lateAnswer))
  })
  const port = await listen(upstream)
  const yaml = `providers: [{ name: slow, type: openai, base_url: "http://127.0.0.1:${port}", env_var: SLOW_API_KEY }]\n`
  const command = serve(['--config', configFile('slow.yaml', yaml)], { SLOW_API_KEY: 'not-a-real-key' })
  const call = chat(await command.url(), 'slow/m')
  call.catch(() => {})
  await asked
  command.child.kill('SIGTERM')
  await command.says(/(waiting up to 30 s)/)
  return { command, call, answer }
}

describe('stopping', () => {
  test('a call in progress is finished before the end', async () => {
    const { command, call, answer } = await withCallInProgress()
    expect(command.child.exitCode).toBeNull()
    answer()
    const response = await call
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('late but whole')
    expect((await command.ended).code).toBe(0)
  })

  test('a second signal ends at once with 1', async () => {
    const { command, call } = await withCallInProgress()
    command.child.kill('SIGTERM')
    expect((await command.ended).code).toBe(1)
    await expect(call).rejects.toThrow()
  })

  test.each(['Promise.reject(new Error("boom"))', 'setTimeout(()=>{throw new Error("boom")})'])(
    'an error that nobody caught is logged and ends with 1: %s',
    async (fault) => {
      const code = encodeURIComponent(`process.on("SIGUSR2", () => { ${fault} })`)
      const command = serve([], { NODE_OPTIONS: `--import data:text/javascript,${code}` })
      await command.url()
      command.child.kill('SIGUSR2')
      const { code: exitCode, stdout, stderr } = await command.ended
      expect(exitCode).toBe(1)
      expect(stderr).toContain('ended by an unexpected error')
      expect(logged(stdout).at(-1)).toMatchObject({ level: 'fatal', err: { type: 'Error' } })
    },
  )
})

describe('refusing to start', () => {
  test('an unknown configuration key is told with its place', async () => {
    const path = configFile('unknown.yaml', 'server:\n  port: 0\n  prot: 1\n')
    expect(await refusal(serve(['--config', path]))).toMatch(
      `${path}:3:3 server.prot: unknown key; known here: host, port`,
    )
  })

  test('a missing configuration file', async () => {
    const path = join(folder, 'absent.yaml')
    const expected = `cannot read the configuration file ${path}: there is no such file`
    expect(await refusal(serve(['--config', path]))).toBe(expected)
    expect(await refusal(serve([], { SWITCHYARD_CONFIG: path }))).toBe(expected)
  })

  test('a bad flag', async () => {
    expect(await refusal(serve(['--log-level', 'loud']))).toMatch(/^--log-level: must be one of/)
    expect(await refusal(serve(['--no-such-flag']))).toMatch(/unknown option '--no-such-flag'/)
  })

  test('a port that is taken', async () => {
    const port = await listen(createServer())
    expect(await refusal(serve(['--port', String(port)]))).toContain(String(port))
  })

  test('a plugin that is not there', async () => {
    expect(await refusal(serve(['--config', configFile('plugin.yaml', 'plugins: [./no-such-plugin]\n')]))).toContain(
      'no-such-plugin',
    )
  })
})

describe('the command line', () => {
  test('knows its version', async () => {
    expect(await new Command(['--version']).ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    })
  })

  test('tells of an error that nobody expects where it was, and not what it quotes', async () => {
    const failing = 'process.stdout.write = () => { throw Object.assign(new Error("hunter2"), { key: "hunter2" }) }'
    const preloaded = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(failing)}` }
    const { code, stderr } = await new Command(['accounts', 'list', '--data-dir', dataDir()], preloaded).ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/^switchyard: an unexpected error: {\n {2}"type": "Error",\n {2}"stack": "at .*keys\.ts/)
    expect(stderr).not.toContain('hunter2')
  })

  test('explains itself', async () => {
    expect((await new Command(['--help']).ended).stdout).toContain('serve')
    const { code, stdout } = await new Command(['serve', '--help']).ended
    expect(code).toBe(0)
    for (const flag of ['--config', '--host', '--port', '--data-dir', '--log-level', '--simulate'])
      expect(stdout).toContain(flag)
  })
})
