import { create, type JsonObject, type MessageInitShape, toJson } from '@bufbuild/protobuf'
import { ValueSchema } from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from 'vitest'
import { type InferEvent, InferRequestSchema } from '#gen/switchyard/v1/infer_pb.ts'
import { contextFor } from '../../test/suites/asking.ts'
import { openaiClient } from '../dialects/clients.ts'
import { fail } from '../error/index.ts'
import type { UpstreamRequest } from './egress.ts'
import type { GenericEndpoint } from './generic-endpoint.ts'
import { upstreamProvider } from './upstream.ts'

const endpoints: readonly GenericEndpoint[] = [
  {
    operation: 'rank',
    path: ({ old }) => (old === true ? '/v1/rank' : '/v2/rank'),
    means: (_model, args) => 'query' in args,
  },
  { operation: 'judge', path: '/judge', means: (model) => model === 'judge' },
]
const provider = upstreamProvider({
  dialect: openaiClient,
  options: openaiClient.defaults,
  baseUrl: 'http://upstream',
  chatPath: '/chat',
  headers: () => ({}),
  generic: endpoints,
})

interface Played {
  readonly status?: number
  readonly type?: string
  readonly pieces: readonly (string | Error)[]
}

/** Asks, and gives what was sent and what came back, up to the error if there was one. */
async function infer(
  { status = 200, type = 'application/json', pieces }: Played,
  given: Partial<MessageInitShape<typeof InferRequestSchema>>,
) {
  const sent: UpstreamRequest[] = []
  async function* body(): AsyncGenerator<Buffer, void, void> {
    for (const piece of pieces) {
      if (piece instanceof Error) throw piece
      yield Buffer.from(piece)
    }
  }
  const send = async (request: UpstreamRequest) => {
    sent.push(request)
    const headers = new Map([
      ['content-type', type],
      ['x-request-id', 'up-1'],
    ])
    const text = async (): Promise<string> => (await Array.fromAsync(body())).join('')
    return { status, header: (name: string) => headers.get(name), body: body(), text }
  }
  const context = contextFor({ egress: { send, sendGuarded: send, close: async () => {} } })
  const batches: unknown[][] = []
  let error: unknown
  try {
    const request = create(InferRequestSchema, { model: 'm', ...given } as MessageInitShape<typeof InferRequestSchema>)
    for await (const batch of provider.infer?.(request, context) ?? []) {
      batches.push((batch as InferEvent[]).map(told))
    }
  } catch (thrown) {
    error = thrown
  }
  return { sent, batches, error }
}

function told({ event }: InferEvent): unknown {
  if (event.case === 'chunk') return toJson(ValueSchema, event.value)
  if (event.case === 'usage') return [event.value.inputTokens, event.value.outputTokens, event.value.inputUnknown]
  return event.case
}

const args: JsonObject = { query: 'q', documents: ['a', 'b'] }
const answer = { results: [{ index: 1, score: 0.98005307 }], flags: [true, null] }

describe('a whole answer', () => {
  test('and its question go through as they are', async () => {
    const { sent, batches } = await infer({ pieces: [JSON.stringify(answer)] }, { args })
    expect(sent).toMatchObject([{ method: 'POST', url: 'http://upstream/v2/rank' }])
    expect(JSON.parse(String(sent[0]?.body))).toEqual({ ...args, model: 'm' })
    expect(batches).toEqual([['started', answer]])
  })

  test('is asked for in the words of the client, where they came along', async () => {
    const source = { $typeName: 'switchyard.v1.Source' as const, dialect: 'x', untranslated: [], headers: {} }
    const body = '{"query":"q", "n":1.50,"model":"theirs"}'
    const { sent } = await infer({ pieces: ['{}'] }, { args, source: { ...source, body } })
    expect(sent[0]?.body).toBe(body.replace('theirs', 'm'))
  })

  test.each([
    [{ prompt_tokens: 3, completion_tokens: 4 }, [3, 4, false]],
    [{ input_tokens: 3 }, [3, 0, false]],
    [{ total_tokens: 7 }, [7, 0, false]],
    [{ total_tokens: 7, completion_tokens: 2 }, [5, 2, false]],
    [{ pages: 7 }, [0, 0, true]],
  ])('tells its usage under the usual names: %j', async (usage, expected) => {
    const { batches } = await infer({ pieces: [JSON.stringify({ usage })] }, { args })
    expect(batches).toEqual([['started', { usage }, expected]])
  })

  test('may hold half a character, which no reader of the contract would take', async () => {
    const { batches } = await infer({ pieces: ['["\\ud83d", "\\ud83d\\ude00"]'] }, { args })
    expect(batches).toEqual([['started', ['\ufffd', '😀']]])
  })

  test.each(['', '{', '[1e999]'])('that cannot be read is an error: %j', async (text) => {
    const { batches, error } = await infer({ pieces: [text] }, { args })
    expect([batches, error]).toMatchObject([[], { reason: 'provider_error' }])
  })

  test('that is an error all the same is one', async () => {
    const text = JSON.stringify({ error: { message: 'slow down', code: 429 } })
    expect((await infer({ pieces: [text] }, { args })).error).toMatchObject({ reason: 'rate_limited' })
    const refused = await infer({ status: 422, pieces: ['{"detail":"too many documents"}'] }, { args })
    expect(refused.error).toMatchObject({ reason: 'unprocessable', message: 'too many documents' })
  })
})

describe('a stream', () => {
  const type = 'text/event-stream'

  test('is passed on event by event, up to its end', async () => {
    const pieces = [
      'data: {"n":1}\n\n',
      'event: x\ndata: [2]\n\ndata: {"usage":{"input_tokens":9}}\n\ndata: [DONE]\n\n',
      fail('provider_interrupted', 'read on'),
    ]
    const { batches, error } = await infer({ type, pieces }, { args })
    expect(batches).toEqual([
      ['started', { n: 1 }],
      [[2], { usage: { input_tokens: 9 } }, [9, 0, false]],
    ])
    expect(error).toBeUndefined()
  })

  test('may end without saying so, in the middle of a line', async () => {
    const { batches } = await infer({ type, pieces: ['data: {"n":1}'] }, { args })
    expect(batches).toEqual([['started', { n: 1 }]])
  })

  test('that breaks or fails is an error, after what it said', async () => {
    const broken = fail('provider_interrupted', 'broken')
    const cut = await infer({ type, pieces: ['data: 1\n\n', broken] }, { args })
    expect([cut.batches, cut.error]).toEqual([[['started', 1]], broken])
    const failed = await infer({ type, pieces: ['data: 1\n\n', 'data: {"error":"no"}\n\n'] }, { args })
    expect([failed.batches, failed.error]).toMatchObject([[['started', 1]], { reason: 'provider_error' }])
  })
})

describe('the endpoint', () => {
  test.each([
    [{ operation: 'judge', args }, '/judge'],
    [{ operation: 'rank', args: {} }, '/v2/rank'],
    [{ args: { query: 'q', old: true } }, '/v1/rank'],
    [{ model: 'judge', args: { input: 'x' } }, '/judge'],
  ])('is chosen by the name of the operation, or by what is asked: %j', async (given, path) => {
    const { sent } = await infer({ pieces: ['{}'] }, given)
    expect(sent[0]?.url).toBe(`http://upstream${path}`)
  })

  test.each([{ operation: '/v1/files', args }, { operation: 'RANK', args }, { args: { input: 'x' } }, {}])(
    'is one of those there are, or nothing is sent: %j',
    async (given) => {
      const { sent, error } = await infer({ pieces: ['{}'] }, given)
      expect(sent).toEqual([])
      expect(error).toMatchObject({ reason: 'unsupported_operation', message: expect.stringContaining('rank, judge') })
    },
  )
})
