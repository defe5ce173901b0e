import { create, equals, type MessageInitShape } from '@bufbuild/protobuf'
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node'
import { describe, expect, test } from 'vitest'
import { BatchService, FileService } from '#gen/switchyard/v1/batch_pb.ts'
import { type ChatRequestSchema, ChatResponseSchema, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { UsageService } from '#gen/switchyard/v1/usage_pb.ts'
import { frames, pieces, status, well } from '../faults/upstream.ts'
import { wav } from '../suites/recordings.ts'
import { sharedGateway } from './gateway.ts'

/* Calls with an idempotency key in their metadata, over RPC: answered once, whoever sends them how often. */

const gateway = await sharedGateway()
const { url, upstream, rpc } = gateway
upstream.answer('well', well)
const connect = createClient(InferenceService, createConnectTransport({ baseUrl: url, httpVersion: '1.1' }))

let keys = 0

/** Metadata with a key that was never used; the head of each answer is put down. */
function newKey(name = `key-${++keys}`) {
  const heads: Headers[] = []
  return { headers: { 'idempotency-key': name }, onHeader: (head: Headers) => void heads.push(head), heads }
}

function asking(model = 'up/well', fields: MessageInitShape<typeof ChatRequestSchema> = {}) {
  const messages = [{ role: Role.USER, parts: [{ kind: { case: 'text' as const, value: { text: 'hello' } } }] }]
  return { model, messages, ...fields }
}

/** What the upstream's format has no words for. */
const tooMuch = { reasoning: { budgetTokens: 7 } }

async function failureOf(promise: Promise<unknown>): Promise<ConnectError> {
  return await promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => ConnectError.from(error),
  )
}

function expectGivenAgain({ heads: [first, ...others] }: ReturnType<typeof newKey>): void {
  expect(others.length).toBeGreaterThan(0)
  expect(first?.get('idempotent-replayed')).toBeNull()
  for (const head of others)
    expect(['idempotent-replayed', 'x-request-id', 'x-switchyard-dropped'].map((name) => head.get(name))).toEqual([
      'true',
      first?.get('x-request-id'),
      first?.get('x-switchyard-dropped'),
    ])
}

test('of twenty at once over gRPC, one is asked; the others are told to come again, and get its answer', async () => {
  const gate = Promise.withResolvers<void>()
  upstream.answer('slow', async (response, asked) => {
    await gate.promise
    await well(response, asked)
  })
  const key = newKey()
  const failures: ConnectError[] = []
  const refused = Promise.withResolvers<void>()
  const calls = Array.from({ length: 20 }, async () => {
    try {
      return [await rpc.chat(asking('up/slow'), key)]
    } catch (error) {
      if (failures.push(ConnectError.from(error)) === 19) refused.resolve()
      return []
    }
  })
  await refused.promise
  for (const { code, metadata } of failures) {
    expect(code).toBe(Code.Aborted)
    expect(metadata.get('retry-after')).toMatch(/^[1-9]\d?$/)
  }
  gate.resolve()
  const [first] = (await Promise.all(calls)).flat()
  const again = await rpc.chat(asking('up/slow'), key)
  expect(first !== undefined && equals(ChatResponseSchema, first, again)).toBe(true)
  expect(upstream.received('slow')).toHaveLength(1)
  const log = createClient(UsageService, createGrpcTransport({ baseUrl: url }))
  const { total } = await log.queryUsage({ filter: { model: 'slow' } })
  expect(total).toMatchObject({ requests: 1n, usage: { inputTokens: 11n, outputTokens: 7n } })
})

describe('the same messages are given again', () => {
  test('of an answer, in every protocol, with what was dropped', async () => {
    const key = newKey()
    const before = upstream.received('well').length
    const answers = [
      await rpc.chat(asking('up/well', tooMuch), key),
      await rpc.chat(asking('up/well', tooMuch), key),
      await connect.chat(asking('up/well', tooMuch), key),
    ]
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(key.heads[0]?.get('x-switchyard-dropped')).toBe('reasoning.budget_tokens')
    expectGivenAgain(key)
    expect(upstream.received('well')).toHaveLength(before + 1)
  })

  test('of a stream, in every protocol', async () => {
    const key = newKey()
    const before = upstream.received('well').length
    const answers = [
      await Array.fromAsync(rpc.streamChat(asking('up/well', tooMuch), key)),
      await Array.fromAsync(rpc.streamChat(asking('up/well', tooMuch), key)),
      await Array.fromAsync(connect.streamChat(asking('up/well', tooMuch), key)),
    ]
    expect(answers[0]?.length).toBeGreaterThan(4)
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expectGivenAgain(key)
    expect(upstream.received('well')).toHaveLength(before + 1)
  })

  test('of embeddings, of what was heard, and of speech', async () => {
    const [vectors, words] = [newKey(), newKey()]
    const embed = { model: 'simulator/echo', inputs: [{ kind: { case: 'text' as const, value: 'hello' } }] }
    const heard = { model: 'simulator/echo', audio: wav(1), mediaType: 'audio/wav' }
    expect(await rpc.embed(embed, vectors)).toEqual(await rpc.embed(embed, vectors))
    expect(await rpc.transcribe(heard, words)).toEqual(await rpc.transcribe(heard, words))
    const [sound, say] = [newKey(), { model: 'simulator/echo', input: 'hello', voice: 'alloy' }]
    const spoken = await Array.fromAsync(rpc.synthesize(say, sound))
    expect(await Array.fromAsync(rpc.synthesize(say, sound))).toEqual(spoken)
    expectGivenAgain(sound)
    expectGivenAgain(vectors)
    expectGivenAgain(words)
  })

  test('of a batch that was made', async () => {
    const transport = createGrpcTransport({ baseUrl: url })
    const batches = createClient(BatchService, transport)
    const form = (async function* form() {
      yield { kind: { case: 'file' as const, value: { name: 'in.jsonl', purpose: 'batch' } } }
      yield { kind: { case: 'data' as const, value: Buffer.from('{}') } }
    })()
    const { id: input } = await createClient(FileService, transport).uploadFile(form)
    const key = newKey()
    const made = { input, endpoint: '/v1/chat/completions' }
    const { id } = await batches.createBatch(made, key)
    expect((await batches.createBatch(made, key)).id).toBe(id)
    expect((await batches.listBatches({})).batches).toHaveLength(1)
  })
})

test('the order of a map’s entries, which every client writes as it likes, is no other question', async () => {
  const sent = async (metadata: string) => {
    const answer = await fetch(`${url}/switchyard.v1.InferenceService/Chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'map' },
      body: `{"model": "up/well", "messages": [{"role": "ROLE_USER", "parts": [{"text": {"text": "hi"}}]}], "metadata": ${metadata}}`,
    })
    await answer.arrayBuffer()
    return [answer.status, answer.headers.get('idempotent-replayed')]
  }
  expect(await sent('{"a": "1", "b": "2"}')).toEqual([200, null])
  expect(await sent('{"b": "2", "a": "1"}')).toEqual([200, 'true'])
  expect(await sent('{"b": "1", "a": "2"}')).toEqual([400, null])
})

test('another question by the same key is refused, whole or as a stream', async () => {
  const key = newKey()
  await rpc.chat(asking(), key)
  for (const other of [
    () => rpc.chat(asking('up/well', { temperature: 1 }), key),
    () => Array.fromAsync(rpc.streamChat(asking(), key)),
  ]) {
    const { code, message } = await failureOf(other())
    expect([code, message]).toEqual([Code.InvalidArgument, expect.stringContaining('another request')])
  }
})

test('to ask strictly is to ask something else, also where the metadata says so', async () => {
  const key = newKey()
  await rpc.chat(asking(), key)
  const headers = { ...key.headers, 'x-switchyard-strict': 'true' }
  expect((await failureOf(rpc.chat(asking(), { headers }))).code).toBe(Code.InvalidArgument)
})

test.each(['', 'two words', 'x'.repeat(256)])('the key %j is refused before anything is asked', async (name) => {
  const before = upstream.received('well').length
  const call = rpc.chat(asking(), newKey(name))
  expect((await failureOf(call)).code).toBe(Code.InvalidArgument)
  expect(upstream.received('well')).toHaveLength(before)
})

test.each([
  ['fails', 'bad', status(500, { error: { message: 'no' } })],
  ['is cut', 'cut', pieces(frames.slice(0, 2), 'cut')],
] as const)('what %s may be asked again with the same key', async (_what, model, bad) => {
  const key = newKey()
  const request = asking(`up/${model}`)
  const send = async () =>
    model === 'bad' ? [await rpc.chat(request, key)] : await Array.fromAsync(rpc.streamChat(request, key))
  upstream.answer(model, bad)
  expect((await failureOf(send())).code).toBe(Code.Unavailable)
  upstream.answer(model, well)
  const answer = await send()
  expect(await send()).toEqual(answer)
  expect(upstream.received(model)).toHaveLength(2)
})

test('what its client leaves may be asked again with the same key', async () => {
  const gone = Promise.withResolvers<void>()
  upstream.answer('left', async (response, asked) => {
    await pieces(frames.slice(0, 2), 'hang')(response, asked)
    await asked.left
    gone.resolve()
  })
  const key = newKey()
  const leaving = new AbortController()
  const left = async (): Promise<void> => {
    for await (const { event } of rpc.streamChat(asking('up/left'), { ...key, signal: leaving.signal }))
      if (event.case === 'textDelta') leaving.abort()
  }
  await failureOf(left())
  await gone.promise
  upstream.answer('left', well)
  const again = async () => (await Array.fromAsync(rpc.streamChat(asking('up/left'), key))).length
  await expect.poll(() => again().catch(() => 0), { interval: 20 }).toBeGreaterThan(4)
  expect(upstream.received('left')).toHaveLength(2)
})

test('what asks no model is not answered once', async () => {
  const key = newKey()
  await rpc.listModels({}, key)
  await rpc.countTokens(create(InferenceService.method.countTokens.input, asking('simulator/echo')), key)
  expect(key.heads.map((head) => head.get('idempotent-replayed'))).toEqual([null, null])
})
