import { describe, expect, test } from 'vitest'
import { type ChatEvent, FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import { Fold } from '../../model/collect.ts'
import * as events from '../../model/events.ts'
import { usage } from '../../model/usage.ts'
import type { Served } from '../contract.ts'
import { scaigridAnswer } from './encode-answer.ts'
import { chatAnswer } from './types.ts'

const served: Served = {
  requestId: 'req_xyz',
  provider: 'acme',
  model: 'one',
  alias: 'scailabs/poolnoodle-omni',
  elapsed: () => 309.6,
}
const started = events.started({ id: 'chatcmpl-abc', model: 'one-2026', created: 1_713_888_000n })
const counted = events.usageEvent(usage({ inputTokens: 24, outputTokens: 3 }))
const stopped = events.finished({ reason: FinishReason.STOP })

interface Chunk {
  readonly model: string
  readonly choices: readonly { readonly delta: { readonly content?: string }; readonly finish_reason: string | null }[]
  readonly usage: object | null
}

/** What the page's own clients do with a stream: every data line until `[DONE]` has a first choice. */
function readAsThePageDoes(stream: string): {
  readonly chunks: Chunk[]
  readonly content: string
  readonly done: boolean
} {
  const chunks: Chunk[] = []
  let content = ''
  for (const line of stream.split(/[\n\r\u0085\u2028\u2029]/)) {
    if (!line.startsWith('data: ')) continue
    const payload = line.slice(6)
    if (payload === '[DONE]') return { chunks, content, done: true }
    const chunk = JSON.parse(payload) as Chunk
    const [choice] = chunk.choices
    expect(choice).toBeDefined()
    content += choice?.delta.content ?? ''
    chunks.push(chunk)
  }
  return { chunks, content, done: false }
}

function streamed(...batch: ChatEvent[]): ReturnType<typeof readAsThePageDoes> {
  const answer = scaigridAnswer()
  return readAsThePageDoes(answer.events(batch, served) + answer.end())
}

test('puts the completion of the page into the envelope, under the slug that was asked for', () => {
  const fold = new Fold()
  fold.add([started, events.textDelta('Bern.'), stopped, counted])
  const body = JSON.parse(scaigridAnswer().whole(fold.response(), served)) as unknown
  expect(chatAnswer.safeParse(body).error).toBeUndefined()
  expect(body).toMatchObject({
    status: 'ok',
    data: {
      id: 'chatcmpl-abc',
      model: 'scailabs/poolnoodle-omni',
      created: 1_713_888_000,
      choices: [{ index: 0, message: { role: 'assistant', content: 'Bern.' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 24, completion_tokens: 3, total_tokens: 27 },
      _meta: { request_id: 'req_xyz', latency_ms: 310 },
    },
    meta: { request_id: 'req_xyz' },
  })
})

describe('a stream', () => {
  test('is read by the clients of the page, usage included', () => {
    const { chunks, content, done } = streamed(
      started,
      events.textDelta('Once '),
      events.textDelta('upon'),
      stopped,
      counted,
    )
    expect([content, done]).toEqual(['Once upon', true])
    expect(chunks.every(({ model }) => model === 'scailabs/poolnoodle-omni')).toBe(true)
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([null, null, 'stop', null])
    expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 24, completion_tokens: 3, total_tokens: 27 })
  })

  test('is not cut where Python sees the end of a line', () => {
    const words = 'a\u2028b\u2029c\u0085d\ne'
    expect(streamed(started, events.textDelta(words), stopped, counted).content).toBe(words)
  })

  test('does not mistake what a model says for the usage', () => {
    const words = '"choices":[],"usage":'
    expect(streamed(started, events.textDelta(words), stopped, counted).content).toBe(words)
  })

  test('that fails tells code and message, and is done all the same', () => {
    const answer = scaigridAnswer()
    answer.events([started, events.textDelta('On')], served)
    expect(answer.fail(fail('provider_interrupted', 'the stream ended early'))).toBe(
      'event: error\ndata: {"code":"backend_error","message":"the stream ended early"}\n\ndata: [DONE]\n\n',
    )
  })
})
