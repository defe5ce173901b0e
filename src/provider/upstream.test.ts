import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { type ChatEvent, ChatRequestSchema, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { openaiClient } from '../dialects/clients.ts'
import { fail, GatewayError } from '../error/index.ts'
import type { CallContext } from './contract.ts'
import type { Egress, UpstreamRequest } from './egress.ts'
import { Secret } from './secret.ts'
import { upstreamProvider } from './upstream.ts'

const nothing = (): undefined => undefined
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const parts = [{ kind: { case: 'text' as const, value: { text: 'hi' } } }]
const request = create(ChatRequestSchema, { model: 'm', messages: [{ role: Role.USER, parts }] })

interface Answer {
  readonly status?: number
  readonly type?: string | undefined
  readonly pieces: readonly (string | Error)[]
  readonly requestId?: string
}

/** An egress that answers with these pieces, and keeps what it was asked. */
function answering({ status = 200, type, pieces, requestId }: Answer): Egress & { readonly asked: UpstreamRequest[] } {
  const asked: UpstreamRequest[] = []
  async function* body(): AsyncGenerator<Buffer, void, void> {
    for (const piece of pieces) {
      if (piece instanceof Error) throw piece
      yield Buffer.from(piece)
    }
  }
  return {
    asked,
    send: async (sent) => {
      asked.push(sent)
      const text = async (): Promise<string> => (await Array.fromAsync(body())).join('')
      const headers = new Map([
        ['content-type', type],
        ['x-request-id', requestId],
      ])
      return { status, header: (name) => headers.get(name), body: body(), text }
    },
    sendGuarded: () => Promise.reject(new Error('not asked for')),
    close: () => Promise.resolve(),
  }
}

const provider = upstreamProvider({
  dialect: openaiClient,
  options: openaiClient.defaults,
  baseUrl: 'http://upstream/v1',
  chatPath: '/chat/completions',
  headers: (credential) => (credential === undefined ? {} : { authorization: `Bearer ${credential.secret.reveal()}` }),
})

/** The batches of one call, as the kinds of their events, and what was thrown after them. */
async function called(
  egress: Egress,
  more: Partial<CallContext> = {},
  asked = request,
): Promise<{ batches: string[][]; error: GatewayError | undefined }> {
  const context: CallContext = {
    signal: new AbortController().signal,
    streaming: true,
    requestId: 'r1',
    egress,
    log,
    ...more,
  }
  const batches: string[][] = []
  try {
    for await (const batch of provider.chat?.(asked, context) ?? [])
      batches.push((batch as ChatEvent[]).map(({ event }) => String(event.case)))
    return { batches, error: undefined }
  } catch (error) {
    if (error instanceof GatewayError) return { batches, error }
    throw error
  }
}

const frame = (value: object): string => `data: ${JSON.stringify(value)}\n\n`
const text = frame({ id: 'c', choices: [{ index: 0, delta: { content: 'a' } }] })
const stop = frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
const usage = frame({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } })
const done = 'data: [DONE]\n\n'
const type = 'text/event-stream'
const broken = fail('provider_interrupted', 'broken')

describe('a stream', () => {
  test('comes in the batches it was read in', async () => {
    const { batches, error } = await called(answering({ type, pieces: [text + text, text, stop + usage + done] }))
    expect([batches, error]).toEqual([
      [['started', 'textDelta', 'textDelta'], ['textDelta'], ['finished', 'usage']],
      undefined,
    ])
  })

  test('that breaks tells the usage it knows of before it throws', async () => {
    const { batches, error } = await called(answering({ type, pieces: [text, usage, broken] }))
    expect([batches, error]).toEqual([[['started', 'textDelta'], ['usage']], broken])
  })

  test('that breaks after its last word, but before its end, is broken all the same', async () => {
    const { batches, error } = await called(answering({ type, pieces: [text + stop + usage, broken] }))
    expect([batches, error]).toEqual([[['started', 'textDelta'], ['usage']], broken])
  })

  test('that fails before its first event says nothing at all, not even its usage', async () => {
    const { batches, error } = await called(
      answering({ type, pieces: [usage, frame({ error: { message: 'x', code: 503 } })] }),
    )
    expect([batches, error?.reason]).toEqual([[], 'provider_unavailable'])
  })

  test('is not read beyond its end', async () => {
    const { batches } = await called(answering({ type, pieces: [text, stop + done, new Error('read on')] }))
    expect(batches.at(-1)).toEqual(['finished'])
  })
})

describe('the content type', () => {
  const whole = JSON.stringify({ id: 'c', choices: [{ index: 0, message: { content: 'a' }, finish_reason: 'stop' }] })

  test.each([
    ['text/event-stream; charset=utf-8', true, text + stop + done],
    ['text/event-stream', false, text + stop + done],
    [undefined, true, text + stop + done],
    ['text/plain', true, text + stop + done],
    ['application/json', true, whole],
    ['application/json; charset=utf-8', false, whole],
    [undefined, false, whole],
    ['text/plain', false, whole],
  ])('%s decides how the answer to stream %s is read', async (contentType, streaming, body) => {
    const { batches, error } = await called(answering({ type: contentType, pieces: [body] }), { streaming })
    expect([batches.flat().includes('textDelta'), error]).toEqual([true, undefined])
  })
})

describe('a request', () => {
  test('goes out once, with the key in its header alone', async () => {
    const egress = answering({ type, pieces: [text + stop + done] })
    await called(egress, { credential: { id: 'KEY', secret: new Secret('hush-hush') } })
    expect(egress.asked).toMatchObject([
      {
        method: 'POST',
        url: 'http://upstream/v1/chat/completions',
        headers: { authorization: 'Bearer hush-hush', 'x-request-id': 'r1', accept: 'text/event-stream' },
      },
    ])
    expect(JSON.stringify(egress.asked[0]?.body)).not.toContain('hush')
  })

  test("is known by the upstream's id of it, but for one that is the key itself", async () => {
    const idOf = async (requestId: string): Promise<unknown> => {
      const egress = answering({ type, pieces: [text + stop + done], requestId })
      const context = { signal: new AbortController().signal, streaming: true, requestId: 'r1', egress, log }
      const credential = { id: 'KEY', secret: new Secret('hush-hush') }
      const batches = await Array.fromAsync(provider.chat?.(request, { ...context, credential }) ?? [])
      return (batches as ChatEvent[][])[0]?.[0]?.event.value
    }
    expect(await idOf('req_1')).toMatchObject({ upstreamRequestId: 'req_1' })
    expect(await idOf('Bearer hush-hush')).toMatchObject({ upstreamRequestId: '' })
  })

  test('that is strict is refused before it is sent when a field would be dropped', async () => {
    const egress = answering({ type, pieces: [] })
    const reasoning = { $typeName: 'switchyard.v1.ReasoningOptions' as const, budgetTokens: 5 }
    const strict = create(ChatRequestSchema, { ...request, strict: true, reasoning })
    const { error } = await called(egress, {}, strict)
    expect([error?.reason, error?.details.param, egress.asked.length]).toEqual([
      'unsupported_field',
      'reasoning.budget_tokens',
      0,
    ])
  })
})

test("an error without the gateway's key keeps all it says", async () => {
  const body = JSON.stringify({ error: { message: 'too long', type: 'invalid_request_error', code: 'c', param: 'p' } })
  const { error } = await called(answering({ status: 400, type: 'application/json', pieces: [body] }), {
    credential: { id: 'KEY', secret: new Secret('hush-hush') },
  })
  expect([error?.message, error?.details.param, error?.details.upstream]).toEqual([
    'too long',
    'p',
    { status: 400, type: 'invalid_request_error', code: 'c' },
  ])
})
