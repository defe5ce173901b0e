import type { JsonObject } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningGateway } from '../../src/gateway.ts'
import { gatewayWith } from '../services/gateway.ts'
import { clients } from './dropped/clients.ts'
import { type Format, formats, startUpstreams, type Upstreams } from './dropped/upstream.ts'

/* Nothing is dropped without a word: every client API in front of every format, and in front of another gateway that has them. */

let upstreams: Upstreams
let gateway: RunningGateway
let far: RunningGateway

const start = (providers: object[]): Promise<RunningGateway> => gatewayWith({ providers }, { DROPPED_API_KEY: 'a-key' })

beforeAll(async () => {
  upstreams = await startUpstreams()
  const providers = Object.entries(formats).map(([name, format]) => ({
    name,
    type: format.type,
    base_url: upstreams.baseUrl(name as Format),
    env_var: 'DROPPED_API_KEY',
    ...('settings' in format && { settings: format.settings }),
  }))
  far = await start(providers)
  gateway = await start([...providers, { name: 'far', type: 'remote', settings: { address: far.url } }])
})

afterAll(async () => {
  await gateway.stop()
  await far.stop()
  await upstreams.close()
})

/** What a client can say that a format has no words for: the members of its body, and the path by which they are named. */
type Lost = readonly [JsonObject, string]

const bias: Lost = [{ logit_bias: { '50256': -100 } }, 'logit_bias']
const sgpBias: Lost = [{ args: bias[0] }, 'logit_bias']
const rpcBias: Lost = [{ logitBias: { '50256': -100 } }, 'logit_bias']
const verbosity: Lost = [{ text: { verbosity: 'low' } }, 'verbosity']
const person: Lost = [{ metadata: { user_id: 'someone' } }, 'user']
const budget: Lost = [{ thinking: { type: 'enabled', budget_tokens: 1024 } }, 'reasoning.budget_tokens']
const thinking: Lost = [{ generationConfig: { thinkingConfig: { thinkingBudget: 512 } } }, 'reasoning.budget_tokens']
const seed: Lost = [{ seed: 7 }, 'seed']
const geminiSeed: Lost = [{ generationConfig: { seed: 7 } }, 'seed']
const topK: Lost = [{ generationConfig: { topK: 7 } }, 'top_k']
const images: Lost = [{ generationConfig: { responseModalities: ['TEXT', 'IMAGE'] } }, 'modalities']
const note: Lost = [{ metadata: { team: 'a' } }, 'metadata']
const weather = { name: 'weather', parameters: { type: 'object', properties: {} }, strict: true }
const strictTool: Lost = [{ tools: [weather] }, 'tools[0].strict']
const mustCall: Lost = [{ tools: [{ name: 'weather' }], toolChoice: 'required' }, 'tool_choice']
const named: Lost = [{ messages: [{ role: 'user', name: 'ann', content: 'Hello there' }] }, 'messages[0].name']

/** For each client, what each format cannot carry of that which the contract can. Undefined: the format carries all of it. */
const lost: Readonly<Record<string, Readonly<Record<Format, Lost | undefined>>>> = {
  openai: {
    openai: undefined,
    responses: bias,
    anthropic: bias,
    gemini: bias,
    bedrock: bias,
    cohere: bias,
    ollama: bias,
  },
  responses: {
    openai: [{ reasoning: { effort: 'low', summary: 'auto' } }, 'reasoning.summary'],
    responses: undefined,
    anthropic: verbosity,
    gemini: verbosity,
    bedrock: verbosity,
    cohere: verbosity,
    ollama: verbosity,
  },
  anthropic: {
    openai: budget,
    responses: budget,
    anthropic: undefined,
    gemini: person,
    bedrock: person,
    cohere: person,
    ollama: person,
  },
  gemini: {
    openai: thinking,
    responses: topK,
    anthropic: geminiSeed,
    gemini: undefined,
    bedrock: geminiSeed,
    cohere: images,
    ollama: thinking,
  },
  platform: {
    openai: undefined,
    responses: seed,
    anthropic: seed,
    gemini: strictTool,
    bedrock: seed,
    cohere: named,
    ollama: mustCall,
  },
  scaigrid: {
    openai: undefined,
    responses: seed,
    anthropic: note,
    gemini: note,
    bedrock: seed,
    cohere: note,
    ollama: note,
  },
  sgp: {
    openai: undefined,
    responses: sgpBias,
    anthropic: sgpBias,
    gemini: sgpBias,
    bedrock: sgpBias,
    cohere: sgpBias,
    ollama: sgpBias,
  },
  rpc: {
    openai: [{ reasoning: { budgetTokens: 1024 } }, 'reasoning.budget_tokens'],
    responses: rpcBias,
    anthropic: rpcBias,
    gemini: rpcBias,
    bedrock: rpcBias,
    cohere: rpcBias,
    ollama: rpcBias,
  },
}

const strange = 'strange'
const places = ['', 'far/']

describe.each(Object.entries(clients))('%s', (name, client) => {
  const formatNames = Object.keys(formats) as Format[]
  const cells = formatNames.flatMap((format) =>
    places.flatMap((place) =>
      client.ways.map((way) => ({ format, where: `${place}${format}`, way, model: `${place}${format}/some-model` })),
    ),
  )

  describe.each(cells.filter(({ format }) => lost[name]?.[format] !== undefined))(
    'in front of $where, asked for a $way,',
    ({ format, way, model }) => {
      const [members, path] = lost[name]?.[format] ?? [{}, '']

      test('is told what the format cannot carry', async () => {
        const { ok, dropped } = await client.ask(gateway.url, way, model, members, false)
        expect({ ok, dropped }).toEqual({ ok: true, dropped: [path] })
      })

      test('is refused when it is strict, before anything is sent', async () => {
        upstreams.taken()
        const { ok, refusal } = await client.ask(gateway.url, way, model, members, true)
        expect(ok).toBe(false)
        expect(refusal).toContain(path)
        expect(upstreams.taken()).toEqual([])
      })
    },
  )

  describe.each(cells)('in front of $where, asked for a $way, with words of its own', ({ format, way, model }) => {
    const members = client.unknown(strange)
    const path = name === 'rpc' ? 'tools[0]' : strange
    const passes = client.passesTo === format

    test(passes ? 'is passed on to the letter' : 'is told that they are lost', async () => {
      upstreams.taken()
      for (const strict of passes ? [false, true] : [false]) {
        const { ok, dropped, estimated } = await client.ask(gateway.url, way, model, members, strict)
        expect({ ok, dropped }).toEqual({ ok: true, dropped: passes ? [] : [path] })
        const [reached, ...others] = upstreams.taken()
        expect(others).toEqual([])
        expect(reached === undefined).toBe(estimated)
        expect(JSON.stringify(reached?.body ?? {}).includes(strange)).toBe(passes)
      }
    })

    test.skipIf(passes)('is refused when it is strict, before anything is sent', async () => {
      upstreams.taken()
      const { ok, refusal } = await client.ask(gateway.url, way, model, members, true)
      expect(ok).toBe(false)
      expect(refusal).toContain(path)
      expect(upstreams.taken()).toEqual([])
    })
  })

  describe.each(cells)('in front of $where, asked for a $way, with nothing special', ({ way, model }) => {
    test('is answered, strict or not, and nothing is named as dropped', async () => {
      for (const strict of [false, true]) {
        const { ok, dropped } = await client.ask(gateway.url, way, model, {}, strict)
        expect({ ok, dropped }).toEqual({ ok: true, dropped: [] })
      }
    })
  })
})

describe.each([
  ['n', 2, ['openai', 'gemini']],
  ['logprobs', true, ['openai', 'responses', 'gemini', 'ollama']],
  ['top_logprobs', 2, ['openai', 'responses', 'gemini', 'ollama']],
])('%s, which shapes the answer,', (field, value, carriers) => {
  test.each(Object.keys(formats))('is carried by %s or refused by its name, strict or not', async (format) => {
    const logprobs = field === 'top_logprobs' && carriers.includes(format) && { logprobs: true }
    for (const strict of [false, true]) {
      upstreams.taken()
      const members = { ...logprobs, [field]: value }
      const outcome = await clients['openai']?.ask(gateway.url, 'whole', `${format}/m`, members, strict)
      const carried = carriers.includes(format)
      expect(outcome).toMatchObject({ ok: carried, dropped: [] })
      expect(upstreams.taken().length).toBe(carried ? 1 : 0)
      if (!carried) expect(outcome?.refusal).toMatch(new RegExp(`\\b${field}\\b`))
    }
  })
})
