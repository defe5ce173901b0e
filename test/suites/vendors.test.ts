import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configSchema } from '../../src/config/schema.ts'
import { createProviders } from '../../src/config/providers.ts'
import type { RunningGateway } from '../../src/gateway.ts'
import { type LoadedPlugins, loadPlugins } from '../../src/provider/load.ts'
import { contextFor } from './asking.ts'
import { gatewayWith } from '../services/gateway.ts'

const root = new URL('../../plugins/', import.meta.url)
const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && readdirSync(new URL(`${entry.name}/`, root)).includes('index.ts'))
  .map((entry) => entry.name)
const load = (): Promise<LoadedPlugins> => loadPlugins({ builtIn: root, named: [], baseDir: tmpdir() })
const sourceOf = (folder: string): string => readFileSync(new URL(`${folder}/index.ts`, root), 'utf8')

/** The vendors that are nothing but their facts on the chat completions client, by type. */
const promised = (
  'groq deepseek together fireworks openrouter xai cerebras perplexity huggingface nvidia deepinfra alibaba moonshot ' +
  'zai minimax databricks cloudflare github-copilot github lmstudio llamacpp vllm sglang'
).split(' ')

const vendors = folders.flatMap((folder) => {
  const [, type = ''] = /compatible\(openaiClient, \{\s+type: '([^']+)'/.exec(sourceOf(folder)) ?? []
  return promised.includes(type) ? [{ folder, type }] : []
})

describe('the folders of plugins', () => {
  test('load, each with a type of its own', async () => {
    expect((await load()).size).toBe(folders.length)
  })

  test('have the vendors that are promised', () => {
    expect(vendors.map(({ type }) => type).toSorted()).toEqual(promised.toSorted())
  })

  test('take empty settings where the plugin needs none, and no settings they do not know', async () => {
    const plugins = await load()
    for (const { type } of vendors) {
      const settings = plugins.get(type)?.manifest.settings
      expect(settings?.safeParse({}).success, type).toBe(true)
      expect(settings?.safeParse({ misspelt: 1 }).success, type).toBe(false)
    }
  })

  test('name addresses that are https or on this machine, without a slash at the end', async () => {
    const plugins = await load()
    for (const { type } of vendors) {
      const { baseUrl, baseUrlVariable } = plugins.get(type)?.manifest ?? {}
      const addresses = [baseUrl, baseUrlVariable?.toBaseUrl?.('example')].filter((url) => url !== undefined)
      expect(addresses.length, type).toBeGreaterThan(0)
      for (const address of addresses)
        expect(address, type).toMatch(/^(https:\/\/[a-z0-9.-]+|http:\/\/127\.0\.0\.1:\d+)(\/[^/]+)*$/)
    }
  })

  test('claim no model names, which many vendors serve alike', async () => {
    const plugins = await load()
    const claims = vendors.flatMap(({ type }) => plugins.get(type)?.manifest.models ?? [])
    expect(claims).toEqual([])
  })

  test.each(vendors)('say what $folder is in at most twenty lines', ({ folder }) => {
    const lines = sourceOf(folder)
      .replaceAll(/\/\*[\s\S]*?\*\//g, '')
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.trim().startsWith('//'))
    expect(lines.length).toBeLessThanOrEqual(20)
  })
})

describe('a vendor whose address holds a name of the customer', () => {
  const started = async (env: Record<string, string>) => {
    const config = configSchema.parse({ providers: [] })
    const { egress, log } = contextFor()
    const providers = await createProviders({ config, env, plugins: await load(), egress, log })
    return new Map(providers.map(({ record }) => [record.type, record.baseUrl]))
  }

  test('starts when the key and the name are set', async () => {
    const providers = await started({
      CLOUDFLARE_API_KEY: 'k',
      CLOUDFLARE_ACCOUNT_ID: 'a1',
      DATABRICKS_TOKEN: 'k',
      DATABRICKS_HOST: 'dbc-1.cloud.databricks.com/',
    })
    expect(providers.get('cloudflare')).toBe('https://api.cloudflare.com/client/v4/accounts/a1/ai/v1')
    expect(providers.get('databricks')).toBe('https://dbc-1.cloud.databricks.com/serving-endpoints')
  })

  test('does not keep the gateway from starting when only the key is set', async () => {
    const providers = await started({ CLOUDFLARE_API_KEY: 'k', DATABRICKS_TOKEN: 'k', GROQ_API_KEY: 'k' })
    expect(providers.has('cloudflare')).toBe(false)
    expect(providers.has('databricks')).toBe(false)
    expect(providers.get('groq')).toBe('https://api.groq.com/openai/v1')
  })

  test('starts on this machine when the variable of its address is set', async () => {
    const providers = await started({ VLLM_BASE_URL: 'http://127.0.0.1:9/v1' })
    expect(providers.get('vllm')).toBe('http://127.0.0.1:9/v1')
    expect(providers.has('sglang')).toBe(false)
  })
})

interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Record<string, unknown>
}

const secret = 'canary-of-the-vendors-0123456789'
const whole = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'upstream-model',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
}

describe('asked through a running gateway', () => {
  const received: Received[] = []
  const upstream = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(pieces).toString()) as Record<string, unknown>
      received.push({ path: request.url ?? '', headers: request.headers, body })
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(whole))
    })
  })
  let gateway: RunningGateway

  beforeAll(async () => {
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    const base = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
    const providers = vendors.map(({ type }) => ({
      name: type,
      type,
      base_url: `${base}/${type}`,
      env_var: 'VENDORS_API_KEY',
    }))
    gateway = await gatewayWith({ providers }, { VENDORS_API_KEY: secret })
  })
  afterAll(async () => {
    await gateway.stop()
    upstream.close()
  })

  const ask = async (path: string, body: object): Promise<Response> => {
    received.length = 0
    return fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  }

  test.each(vendors)('$type is asked at its path, with its key, in its words', async ({ type }) => {
    const messages = [{ role: 'user', content: 'hi' }]
    const response = await ask('/v1/chat/completions', { model: `${type}/some-model`, messages, seed: 5 })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'hello' } }], usage: whole.usage })
    const [sent] = received
    expect(received).toHaveLength(1)
    expect(sent?.path.startsWith(`/${type}/`)).toBe(true)
    expect(sent?.path.endsWith('/chat/completions')).toBe(true)
    expect(sent?.headers.authorization).toBe(`Bearer ${secret}`)
    expect(sent?.body).toEqual({ model: 'some-model', messages, seed: 5 })
  })

  test.each(vendors)('$type gets a request of another format translated', async ({ type }) => {
    const body = { model: `${type}/some-model`, messages: [{ role: 'user', content: 'hi' }], maxTokens: 9 }
    const response = await ask('/api/v1/inference/chat', body)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ success: true, data: { content: 'hello' } })
    const { messages, max_tokens: tokens, max_completion_tokens: completionTokens } = received[0]?.body ?? {}
    expect(messages).toEqual([{ role: 'user', content: 'hi' }])
    expect(tokens ?? completionTokens).toBe(9)
  })
})
