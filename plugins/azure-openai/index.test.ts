import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { SynthesizeRequestSchema } from '#gen/switchyard/v1/audio_pb.ts'
import { EmbedRequestSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import { GenerateImagesRequestSchema } from '#gen/switchyard/v1/image_pb.ts'
import { type CallContext, fail, type Provider, Secret } from '#provider'
import { ask, contextFor } from '../../test/suites/asking.ts'
import azure from './index.ts'

type UpstreamRequest = Parameters<CallContext['egress']['send']>[0]

type Begin = (provider: Provider, context: CallContext) => Promise<unknown> | undefined

const chat: Begin = (provider, context) => firstOf(provider.chat?.(ask('my model', 'Hello'), context))
const drawing: Begin = (provider, context) => provider.generateImages?.({ ...emptyImages, model: 'my model' }, context)
const speaking: Begin = (provider, context) =>
  firstOf(provider.synthesize?.({ ...emptySpeech, model: 'my model' }, context))

const embedding: Begin = (provider, context) => provider.embed?.({ ...emptyVectors, model: 'my model' }, context)

function firstOf(steps: AsyncIterable<unknown> | undefined): Promise<unknown> | undefined {
  const iterator = steps?.[Symbol.asyncIterator]()
  return iterator?.next()
}

const emptyImages = create(GenerateImagesRequestSchema, { prompt: 'A square' })
const emptyVectors = create(EmbedRequestSchema, { inputs: [{ kind: { case: 'text', value: 'Hello' } }] })
const emptySpeech = create(SynthesizeRequestSchema, { input: 'Hello' })

/** What is asked of the upstream with these settings, seen at the way out. */
async function askedWith(given: Record<string, unknown>, begin = chat): Promise<UpstreamRequest | undefined> {
  const own = azure.manifest.settings.parse(given)
  const { log } = contextFor()
  let asked: UpstreamRequest | undefined
  const send = async (request: UpstreamRequest): Promise<never> => {
    asked = request
    throw fail('provider_unreachable', 'nobody is there')
  }
  const egress = { send, sendGuarded: send, close: async () => {} }
  const provider = await azure.create({ baseUrl: 'https://a.example', own }, { name: 'azure', egress, log })
  const credential = { id: 'KEY', secret: new Secret('the-key') }
  await expect(begin(provider, contextFor({ egress, credential }))).rejects.toThrow('nobody is there')
  return asked
}

test.each([
  [{}, '/openai/v1/chat/completions'],
  [{ api: 'responses' }, '/openai/v1/responses'],
  [{ api_version: '2024-10-21' }, '/openai/deployments/my%20model/chat/completions?api-version=2024-10-21'],
  [{ api: 'models' }, '/models/chat/completions?api-version=2024-05-01-preview'],
  [{ api: 'responses', api_version: '2025-04-01-preview' }, '/openai/responses?api-version=2025-04-01-preview'],
])('with %j asks %s, with the key in its own header', async (settings, path) => {
  const asked = await askedWith(settings)
  expect(asked?.url).toBe(`https://a.example${path}`)
  expect(asked?.headers).toMatchObject({ 'api-key': 'the-key' })
  expect(asked?.headers['authorization']).toBeUndefined()
})

test.each([
  [{}, drawing, '/openai/v1/images/generations'],
  [{ api: 'models' }, drawing, undefined],
  [{ api_version: '2024-10-21' }, speaking, '/openai/deployments/my%20model/audio/speech?api-version=2024-10-21'],
  [{ api: 'models' }, embedding, '/models/embeddings?api-version=2024-05-01-preview'],
  [{ api: 'responses' }, drawing, '/openai/v1/images/generations'],
  [
    { api: 'responses', api_version: '2025-04-01-preview' },
    embedding,
    '/openai/deployments/my%20model/embeddings?api-version=2025-04-01-preview',
  ],
])('with %j, what is not chats is beside them', async (settings, begin, path) => {
  if (path === undefined) await expect(askedWith(settings, begin)).rejects.toThrow()
  else expect((await askedWith(settings, begin))?.url).toBe(`https://a.example${path}`)
})

test.each(['https://r.openai.azure.com', 'https://r.openai.azure.com/', 'https://r.openai.azure.com/openai/v1/'])(
  'takes the endpoint %s',
  (endpoint) => {
    expect(azure.manifest.baseUrlVariable?.toBaseUrl?.(endpoint)).toBe('https://r.openai.azure.com')
  },
)

test('takes the name of a resource for its endpoint', () => {
  expect(azure.manifest.baseUrlVariable?.toBaseUrl?.('my-resource')).toBe('https://my-resource.openai.azure.com')
})

test('refuses a version that is none', () => {
  expect(azure.manifest.settings.safeParse({ api_version: '1&b=2' }).success).toBe(false)
})

test('the API for models of other makers has no raw text and no transcripts, as its own SDK (@azure-rest/ai-inference)', async () => {
  const own = azure.manifest.settings.parse({ api: 'models' })
  const { log, egress } = contextFor()
  const provider = await azure.create({ baseUrl: 'https://a.example', own }, { name: 'azure', egress, log })
  const offered = Object.keys(provider)
  expect(offered).toContain('embed')
  expect(offered).not.toContain('generate')
  expect(offered).not.toContain('transcribe')
})
