import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { env, execPath } from 'node:process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import { describe, expect, onTestFinished, test } from 'vitest'
import { collect, finished, FinishReason, type Host, type Provider, Secret, serveProvider, textDelta } from '#provider'
import { ask, chat, contextFor, failureOf, textOf } from '../../test/suites/asking.ts'
import remote from './index.ts'

const host: Host = { name: 'far', egress: contextFor().egress, log: contextFor().log }
type Own = Parameters<typeof remote.create>[0]['own']

/** Makes the provider as the gateway does: settings checked first. Closed when the test is over. */
async function make(own: Own, baseUrl = ''): Promise<Provider> {
  const provider = await remote.create({ baseUrl, own: remote.manifest.settings.parse(own) }, host)
  onTestFinished(async () => provider.close?.())
  return provider
}

/** A provider that answers with the token it was shown. */
async function tellTale(): Promise<string> {
  const tokens: (string | undefined)[] = []
  const routes = serveProvider(
    {
      async *chat() {
        yield [textDelta(String(tokens.at(-1))), finished({ reason: FinishReason.STOP })]
      },
    },
    contextFor(),
  )
  const answer = connectNodeAdapter({ routes })
  const server = createServer((request, response) => {
    tokens.push(request.headers.authorization)
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('settings', () => {
  test('the address may be a setting or the base URL', async () => {
    const address = await tellTale()
    for (const provider of [await make({ address }), await make({}, address)]) {
      expect(textOf(await collect(chat(provider, ask('m', 'hi'))))).toBe('undefined')
    }
  })

  test('without any address the provider is not made', async () => {
    await expect(make({})).rejects.toThrow('needs settings.address, or a base_url')
  })

  test.each([{ address: 'localhost:50051' }, { address: 'ftp://localhost' }, { adress: 'http://localhost' }])(
    'does not take %j',
    (settings) => {
      expect(remote.manifest.settings.safeParse(settings).success).toBe(false)
    },
  )

  test('a token comes from its variable, and gives way to the credential of a call', async () => {
    const address = await tellTale()
    env['FAR_API_KEY'] = 'from-variable'
    onTestFinished(() => void delete env['FAR_API_KEY'])
    const provider = await make({ address, token_variable: 'FAR_API_KEY' })
    expect(textOf(await collect(chat(provider, ask('m', 'hi'))))).toBe('Bearer from-variable')
    const credential = { id: 'POOLED', secret: new Secret('from-pool') }
    expect(textOf(await collect(chat(provider, ask('m', 'hi'), { credential })))).toBe('Bearer from-pool')
  })

  test('a token variable that is not set, or may not be read, is refused', async () => {
    const address = 'http://127.0.0.1:1'
    await expect(make({ address, token_variable: 'NOT_SET_API_KEY' })).rejects.toThrow('NOT_SET_API_KEY is not set')
    await expect(make({ address, token_variable: 'DATABASE_URL' })).rejects.toThrow('ends in _API_KEY')
  })
})

async function start(): Promise<{ address: string; child: ChildProcessByStdio<null, Readable, null> }> {
  const file = fileURLToPath(new URL('examples/typescript/server.ts', import.meta.url))
  const child = spawn(execPath, [file, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill())
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { address: line.replace('listening on ', ''), child }
}

describe('the example in TypeScript', () => {
  test('answers, lists its model, and refuses others', async () => {
    const { address } = await start()
    const provider = await make({ address })
    for (const streaming of [true, false]) {
      const answer = await collect(chat(provider, ask('backwards', 'one two three'), { streaming }))
      expect(textOf(answer)).toBe('three two one')
      expect(answer.usage).toMatchObject({ inputTokens: 3, outputTokens: 3 })
    }
    const { error } = await failureOf(chat(provider, ask('forwards', 'hi')))
    expect(error).toMatchObject({ reason: 'model_not_found' })
    const ids: unknown[] = []
    for await (const model of provider.listModels?.(contextFor()) ?? []) ids.push(model.id)
    expect(ids).toEqual(['backwards'])
  })

  test('is provider_interrupted, not a normal end, when its process is killed', async () => {
    const { address, child } = await start()
    const provider = await make({ address })
    const events = chat(provider, ask('backwards', 'word '.repeat(20_000)))[Symbol.asyncIterator]()
    await events.next()
    child.kill('SIGKILL')
    const rest = (async () => {
      while ((await events.next()).done !== true);
    })()
    await expect(rest).rejects.toMatchObject({ reason: 'provider_interrupted' })
    const { error } = await failureOf(chat(provider, ask('backwards', 'hi')))
    expect(error).toMatchObject({ reason: 'provider_unreachable' })
  })
})
