import { expect, test } from 'vitest'
import { compatible, openaiClient } from '#provider'
import type { Plugin } from '../../src/provider/contract.ts'
import { examineWay } from './examine-way.ts'
import { waysOf } from './ways.ts'

/* The kit in front of played upstreams finds the faults of a plugin, so that passing it says something. */

type Client = typeof openaiClient

/** What the kit finds wrong with a vendor whose client half has a fault. */
async function faultsOf(fault: (client: Client) => Client, vendor: object = {}): Promise<readonly string[]> {
  const facts = { type: 'spoilt', title: 'Spoilt', baseUrl: 'https://spoilt.example/v1', ...vendor }
  const plugin = compatible(fault(openaiClient), facts) as Plugin<unknown>
  const [way, ...others] = await waysOf(plugin)
  expect(others).toEqual([])
  if (way === undefined) throw new Error('the plugin asks nothing')
  const { outcomes } = await examineWay(way)
  return outcomes.filter(({ verdict }) => verdict === 'fail').map(({ feature }) => feature)
}

const edited = (client: Client, edit: (body: Record<string, unknown>) => object): Client => ({
  ...client,
  encodeChat(...asked) {
    const encoded = client.encodeChat(...asked)
    return { ...encoded, body: JSON.stringify(edit(JSON.parse(encoded.body) as Record<string, unknown>)) }
  },
})

test('a plugin without a fault has none', async () => {
  expect(await faultsOf((client) => client)).toEqual([])
})

test('tools that are left out without a word', async () => {
  const faults = await faultsOf((client) => edited(client, ({ tools: _tools, ...rest }) => rest))
  expect(faults).toEqual(['tools', 'parallel tools'])
})

test('a picture that is left out', async () => {
  const isText = (part: unknown): boolean => JSON.stringify(part).includes('"text"')
  const faults = await faultsOf((client) =>
    edited(client, ({ messages, ...rest }) => ({
      ...rest,
      messages: (messages as { content: unknown }[]).map(({ content, ...message }) => ({
        ...message,
        content: Array.isArray(content) ? content.filter(isText) : content,
      })),
    })),
  )
  expect(faults).toEqual(['vision input'])
})

test('a key that is not shown', async () => {
  const faults = await faultsOf((client) => client, { authorization: () => ({}) })
  expect(faults).toEqual(expect.arrayContaining(['text', 'stream', 'usage']))
})

test('an answer that breaks off and passes for a whole one', async () => {
  const faults = await faultsOf((client) => ({
    ...client,
    decodeChat(...facts) {
      const decoder = client.decodeChat(...facts)
      decoder.end = () => ({ events: [] })
      return decoder
    },
  }))
  expect(faults).toContain('broken answers')
})

test('errors that lose their status', async () => {
  const faults = await faultsOf((client) => ({
    ...client,
    decodeError: (failure) => client.decodeError({ ...failure, status: 500 }),
  }))
  expect(faults).toEqual(['unknown model', 'reasons of errors'])
})
