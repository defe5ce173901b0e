import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configSchema } from '../../src/config/schema.ts'
import { type RunningGateway, startGateway } from '../../src/gateway.ts'
import { matrixClients } from './sdk-matrix/clients.ts'
import { scriptedCalls, spent } from './sdk-matrix/script.ts'
import type { Heard, MatrixClient } from './sdk-matrix/turn.ts'
import { startScriptedUpstream, upstreamScripts } from './sdk-matrix/upstreams.ts'

/* Every official SDK in front of every vendor's own wire format: the cells are the product of the two tables. */

const secret = 'canary-of-the-matrix-0123456789'
let folder: string
let upstream: Awaited<ReturnType<typeof startScriptedUpstream>>
let gateway: RunningGateway

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sdk-matrix-'))
  upstream = await startScriptedUpstream()
  const config = configSchema.parse({
    server: { host: '127.0.0.1', port: 0, drain_seconds: 0 },
    data_dir: folder,
    log: { level: 'silent' },
    retries: { per_target: 0 },
    // A provider of its own for refusals, after which one may be left alone for a while.
    providers: Object.entries(upstreamScripts).flatMap(([name, { type }]) =>
      [name, ...Object.keys(matrixClients).map((_client, at) => `${name}-limited-${at}`)].map((provider) => ({
        name: provider,
        type,
        base_url: upstream.baseUrl(name),
        env_var: 'MATRIX_API_KEY',
      })),
    ),
  })
  gateway = await startGateway({ config, env: { MATRIX_API_KEY: secret }, log: pino({ level: 'silent' }) })
})

afterAll(async () => {
  await gateway.stop()
  await upstream.close()
  await rm(folder, { recursive: true, force: true })
})

describe.each(Object.entries(matrixClients))('%s', (name, connect) => {
  let client: MatrixClient
  beforeAll(() => {
    client = connect(gateway.url.replace(/\/$/, ''))
  })
  afterAll(() => client.close?.())

  describe.each(Object.keys(upstreamScripts))('in front of %s', (provider) => {
    const talk = (text: string): Heard => ({ text, calls: [], finish: client.stop, usage: spent })

    test.each([
      ['whole', false],
      ['as a stream', true],
    ])('hears a text %s', async (_way, streaming) => {
      const heard = await client.ask({ model: `${provider}/text`, streaming })
      expect(heard).toEqual(talk('Good morning.'))
    })

    test.each([
      ['one tool', 'loop', false, 'It is sunny.'],
      ['two tools at once, streamed,', 'parallel', true, 'It is sunny and rainy.'],
    ])('goes through the loop of %s', async (_what, name_, streaming, ending) => {
      const model = `${provider}/${name_}`
      const { calls, ...heard } = await client.ask({ model, streaming })
      const made = scriptedCalls.slice(0, name_ === 'loop' ? 1 : 2)
      expect(heard).toEqual({ text: '', finish: client.called, usage: spent })
      expect(calls.map((call) => [call.name, call.input])).toEqual(made.map((call) => [call.name, call.input]))
      const answered = calls.map((call, at) => ({ call, result: at === 0 ? 'sunny' : 'rainy' }))
      expect(await client.ask({ model, streaming, answered })).toEqual(talk(ending))
    })

    test('is told to wait when there were too many requests', async () => {
      const model = `${provider}-limited-${Object.keys(matrixClients).indexOf(name)}/limited`
      const thrown: unknown = await client.ask({ model, streaming: false }).catch((error: unknown) => error)
      expect(client.waitOf(thrown)).toBe('7')
      expect(String(thrown)).not.toContain(secret)
    })
  })
})
