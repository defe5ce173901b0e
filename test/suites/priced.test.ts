import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { openCatalog } from '../../src/catalog/index.ts'
import { loadPlugins } from '../../src/provider/load.ts'

const plugins = await loadPlugins({
  builtIn: new URL('../../plugins/', import.meta.url),
  named: [],
  baseDir: tmpdir(),
})
const manifests = [...plugins.values()].map(({ manifest }) => ({
  vendor: manifest.catalog ?? manifest.type,
  ...manifest,
}))
const catalog = openCatalog()

/** Models run on machines of one's own, or of whoever is reached. */
const ofOnesOwn = 'ai-sdk llamacpp lmstudio ollama remote sglang simulator vllm'

/** Vendors that the source of the prices does not have; of some, the catalog knows limits and modalities. */
const unlisted = 'alibaba cloudflare databricks deepinfra github github-copilot huggingface nvidia opencode'

test('every built-in plugin has prices in the catalog, but for these', () => {
  const without = manifests.filter(({ vendor }) => !catalog.hasPrices(vendor)).map(({ type }) => type)
  expect(without.toSorted()).toEqual(`${ofOnesOwn} ${unlisted}`.split(' ').toSorted())
})

test.each([
  ['anthropic', 'claude-sonnet-4-5-20250929', 'anthropic'],
  ['azure-openai', 'gpt-4o', 'openai'],
  ['bedrock', 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0', 'aws'],
  ['cerebras', 'gpt-oss-120b', 'cerebras'],
  ['cohere', 'command-a-03-2025', 'cohere'],
  ['deepseek', 'deepseek-chat', 'deepseek'],
  ['fireworks', 'accounts/fireworks/models/gpt-oss-120b', 'fireworks'],
  ['gemini', 'gemini-2.5-flash', 'google'],
  ['groq', 'llama-3.3-70b-versatile', 'groq'],
  ['minimax', 'MiniMax-M2', 'minimax'],
  ['mistral', 'mistral-small-latest', 'mistral'],
  ['moonshot', 'kimi-k2-0905-preview', 'moonshotai'],
  ['openai', 'gpt-5-mini', 'openai'],
  ['openrouter', 'anthropic/claude-sonnet-4.5', 'openrouter'],
  ['perplexity', 'sonar-pro', 'perplexity'],
  ['together', 'meta-llama/Llama-3.3-70B-Instruct-Turbo', 'together'],
  ['vertex', 'claude-opus-4-1@20250805', 'google'],
  ['xai', 'grok-4-0709', 'x-ai'],
  ['zai', 'glm-5.2', 'zai'],
])('a call to %s of %s is priced by %s', (type, model, vendor) => {
  const manifest = manifests.find((one) => one.type === type)
  expect(catalog.price(manifest?.vendor ?? '', model, new Date('2026-09-01'))).toMatchObject({ vendor })
})

test('the default model of a plugin with prices has one', () => {
  const strange = manifests
    .filter(({ vendor, defaultModel }) => defaultModel !== undefined && catalog.hasPrices(vendor))
    .filter(({ vendor, defaultModel = '' }) => catalog.price(vendor, defaultModel, new Date()) === undefined)
  expect(strange.map(({ type, defaultModel }) => `${type} ${defaultModel}`)).toEqual([])
})
