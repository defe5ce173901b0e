import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningGateway } from '../../src/gateway.ts'
import { gatewayWith } from '../services/gateway.ts'
import { matrixClients } from './sdk-matrix/clients.ts'
import { scriptedCalls, spent } from './sdk-matrix/script.ts'
import type { Heard, MatrixClient } from './sdk-matrix/turn.ts'
import { startScriptedUpstream, upstreamScripts } from './sdk-matrix/upstreams.ts'

/* Every official SDK in front of every vendor's own wire format: the cells are the product of the two tables. */

const secret = 'canary-of-the-matrix-0123456789'
let upstream: Awaited<ReturnType<typeof startScriptedUpstream>>
let gateway: RunningGateway

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const sections = {
    // A provider of its own for refusals, after which one may be left alone for a while.
    providers: Object.entries(upstreamScripts).flatMap(([name, { type }]) =>
      [name, ...Object.keys(matrixClients).map((_client, at) => `${name}-limited-${at}`)].map((provider) => ({
        name: provider,
        type,
        base_url: upstream.baseUrl(name),
        env_var: 'MATRIX_API_KEY',
      })),
    ),
  }
  gateway = await gatewayWith(sections, { MATRIX_API_KEY: secret })
})

afterAll(async () => {
  await gateway.stop()
  await upstream.close()
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
