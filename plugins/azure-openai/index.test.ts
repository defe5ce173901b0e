import { expect, test } from 'vitest'
import { type CallContext, fail, Secret } from '#provider'
import { ask, contextFor } from '../../test/suites/asking.ts'
import azure from './index.ts'

type UpstreamRequest = Parameters<CallContext['egress']['send']>[0]

/** What is asked of the upstream with these settings, seen at the way out. */
async function askedWith(given: Record<string, unknown>): Promise<UpstreamRequest | undefined> {
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
  const events = provider.chat?.(ask('my model', 'Hello'), contextFor({ egress, credential }))
  await expect(events?.[Symbol.asyncIterator]().next()).rejects.toThrow('nobody is there')
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
