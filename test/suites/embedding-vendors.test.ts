import { tmpdir } from 'node:os'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { EmbedRequestSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import { type CallContext, Secret } from '#provider'
import { loadPlugins } from '../../src/provider/load.ts'
import { contextFor } from './asking.ts'

const plugins = await loadPlugins({ builtIn: new URL('../../plugins/', import.meta.url), named: [], baseDir: tmpdir() })

type Body = Readonly<Record<string, unknown>>

/** What a vendor is asked for these vectors, seen at the way out, where each is answered; and what the gateway makes of the answers. */
async function asked(type: string, request: MessageInitShape<typeof EmbedRequestSchema>) {
  const plugin = plugins.get(type)
  if (plugin === undefined) throw new Error(`there is no plugin ${type}`)
  const bodies: Body[] = []
  const send: CallContext['egress']['send'] = async ({ body }) => {
    const said = JSON.parse(String(body)) as Body
    bodies.push(said)
    const count = Array.isArray(said['input']) ? said['input'].length : 1
    const data = Array.from({ length: count }, (_, index) => ({ index, embedding: [bodies.length, index] }))
    const text = JSON.stringify({ data, usage: { prompt_tokens: count, total_tokens: count } })
    return { status: 200, header: () => undefined, text: async () => text, body: ReadableStream.from([]) }
  }
  const egress = { send, sendGuarded: send, close: async () => {} }
  const context = contextFor({ egress, credential: { id: 'KEY', secret: new Secret('the-key') } })
  const own = plugin.manifest.settings.parse({})
  const provider = await plugin.create({ baseUrl: 'https://a.example', own }, { name: type, egress, log: context.log })
  const answer = await provider.embed?.(create(EmbedRequestSchema, { model: 'm', ...request }), context)
  return { bodies, answer }
}

const texts = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ kind: { case: 'text' as const, value: `text ${at}` } }))

test.each([
  // Mistral refuses more in test/wire/cases/mistral-embeddings; the others say so on their pages, and LlamaIndex's for Cloudflare.
  ['mistral', 256],
  ['alibaba', 10],
  ['zai', 64],
  ['cloudflare', 100],
  ['voyage', 1000],
])('%s is asked for %i vectors at once', async (type, most) => {
  const { bodies, answer } = await asked(type, { inputs: texts(most + 1) })
  expect(bodies.map(({ input }) => (Array.isArray(input) ? input.length : 1))).toEqual([most, 1])
  expect(answer?.embeddings?.at(-1)).toMatchObject({ index: most, values: [2, 0] })
  expect(answer?.usage).toMatchObject({ inputTokens: most + 1 })
})

test.each([
  // OpenAI's by its OpenAPI document 2.3.0, Voyage's by its own SDK (EmbedRequest), Mistral's as LangChain's client of it counts.
  ['openai', 300_000],
  ['azure-openai', 300_000],
  ['voyage', 120_000],
  ['mistral', 16_000],
])('%s is asked for vectors of no more than %i tokens at once', async (type, tokens) => {
  const text = (size: number) => ({ kind: { case: 'text' as const, value: 'a'.repeat(size) } })
  const third = text(3 * Math.floor(tokens / 3))
  const { bodies, answer } = await asked(type, { inputs: [third, third, third, text(30)] })
  expect(bodies.map(({ input }) => (Array.isArray(input) ? input.length : 1))).toEqual([3, 1])
  expect(answer?.embeddings).toHaveLength(4)
})

test('an estimate of tokens does not cost a client what only its own words say', async () => {
  const inputs = Array.from({ length: 40 }, () => ({ kind: { case: 'text' as const, value: 'a'.repeat(10_000) } }))
  const body = { model: 'm', input: inputs.map(({ kind }) => kind.value), output_dtype: 'int8' }
  const source = { dialect: 'openai', body: JSON.stringify(body), untranslated: ['output_dtype'] }
  const { bodies, answer } = await asked('voyage', { model: 'm', inputs, source })
  expect(bodies).toEqual([body])
  expect(answer?.dropped ?? []).toEqual([])
})

test('ollama does not read who asks, which is named', async () => {
  const source = { dialect: 'openai', body: JSON.stringify({ model: 'm', input: 'text 0', user: 'u' }) }
  const { bodies, answer } = await asked('ollama', { inputs: texts(1), user: 'u', source })
  expect(bodies).toEqual([{ model: 'm', input: 'text 0' }])
  expect(answer?.dropped).toEqual(['user'])
})

test.each(['openrouter', 'alibaba'])('%s is asked for numbers, whichever way its client wants them', async (type) => {
  const source = { dialect: 'openai', body: JSON.stringify({ model: 'm', input: 'text 0', encoding_format: 'base64' }) }
  const { bodies, answer } = await asked(type, { inputs: texts(1), source })
  expect(bodies).toEqual([{ model: 'm', input: 'text 0' }])
  expect(answer).toMatchObject({ rawDialect: '', embeddings: [{ values: [1, 0] }] })
})
