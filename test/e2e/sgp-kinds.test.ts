import { describe, expect, test } from 'vitest'
import { ask } from '../faults/client.ts'
import { pieces, status } from '../faults/upstream.ts'
import { saysDone, streamValues } from '../wire/case.ts'
import { askJson, sharedGateway } from './gateway.ts'

const gateway = await sharedGateway({
  providers: (url) => [{ name: 'ranks', type: 'cohere', base_url: url, env_var: 'UP_API_KEY' }],
})
const url = `${gateway.url}/v5/inference`

describe('arguments that the contract has no message for', () => {
  const args = { query: 'capital?', documents: ['Carson City', 'Saipan'], top_n: 1 }
  const answer = {
    id: 'r',
    results: [{ index: 1, relevance_score: 0.98 }],
    meta: { billed_units: { search_units: 1 } },
  }

  test('are answered by the model as it answers, and are in the log as what they are', async () => {
    gateway.upstream.answer('rerank-v3.5', status(200, answer))
    const headers = { 'x-request-id': 'ranked' }
    const { status: code, json } = await askJson(url, { model: 'ranks/rerank-v3.5', args }, headers)
    expect([code, json]).toEqual([200, { object: 'generic_inference', response: answer }])
    expect(JSON.parse(gateway.upstream.received('rerank-v3.5')[0]?.body ?? '')).toEqual({
      ...args,
      model: 'rerank-v3.5',
    })
    const [line] = await gateway.settled('ranked')
    expect(line).toMatchObject({ dialect: 'sgp', operation: 'infer', status: 'ok' })
  })

  test('come as a stream where the model streams them', async () => {
    const chunks = [{ n: 1 }, ['two'], 3]
    const frames = [...chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`), 'data: [DONE]\n\n']
    gateway.upstream.answer('my-moderation', pieces(frames, 'end'))
    const { text } = await ask(url, { model: 'up/my-moderation', args: { input: 'x', stream: true } })
    const wrapped = chunks.map((response) => ({ object: 'generic_inference.chunk', response }))
    expect(streamValues(text).map(({ value }) => value)).toEqual(wrapped)
    expect(saysDone(text)).toBe(true)
  })

  test('are refused where the provider has nothing for them, and name what it has', async () => {
    const { status: code, json } = await askJson(url, { model: 'up/gpt-5', args: { anything: 1 } })
    expect([code, json]).toEqual([400, { detail: expect.stringContaining('moderations') }])
    expect(gateway.upstream.received('gpt-5')).toEqual([])
  })

  test('can be asked over RPC too, by the name of the operation', async () => {
    gateway.upstream.answer('any-name', status(200, answer))
    const asked = { model: 'ranks/any-name', operation: 'rerank', args }
    const { response, usage } = await gateway.rpc.infer(asked)
    expect(response?.kind.case).toBe('structValue')
    expect(usage).toMatchObject({ inputTokens: 0, outputTokens: 0, estimated: false, raw: { search_units: 1 } })
    const events = await Array.fromAsync(gateway.rpc.streamInfer(asked))
    expect(events.map(({ event }) => event.case)).toEqual(['started', 'chunk', 'usage'])
  })
})
