import { z } from 'zod'
import { compatible, compatibleSettings, definePlugin, ollamaClient, openaiClient } from '#provider'

const vendor = {
  type: 'ollama',
  title: 'Ollama',
  baseUrl: 'http://127.0.0.1:11434',
  baseUrlVariable: {
    name: 'OLLAMA_HOST',
    toBaseUrl: (host: string) =>
      /^https?:/.test(host) ? host : `http://${host.includes(':') ? host : `${host}:11434`}`,
    enables: true,
  },
}
/** Passed over in silence, as its page on this format says: https://docs.ollama.com/api/openai-compatibility */
const ignored = ['best_of', 'echo', 'logit_bias', 'user']

const native = compatible(ollamaClient, vendor)
const openai = compatible(openaiClient, {
  ...vendor,
  chatPath: '/v1/chat/completions',
  operations: ['generate', 'embed'],
  options: {
    reasoningField: 'reasoning',
    // Images are taken as bytes alone.
    linked: [],
    refuses: ['n', ...ignored],
    ignores: ignored,
    embeddings: { tokens: false, user: false },
  },
})

const settings = compatibleSettings({ ...ollamaClient.options, ...openaiClient.options }).extend({
  api: z
    .enum(['native', 'openai'])
    .default('native')
    .describe("Ollama's own chat, or its endpoint that is compatible with OpenAI's chat completions."),
})

/** A local or remote Ollama: raw completions and embeddings in OpenAI's format, chats in its own unless `api: openai` is set. */
export default definePlugin<z.infer<typeof settings>>({
  manifest: { ...native.manifest, settings },
  async create({ baseUrl, own: { api, ...own } }, host) {
    const compatibly = await openai.create({ baseUrl, own }, host)
    return api === 'openai' ? compatibly : { ...compatibly, ...(await native.create({ baseUrl, own }, host)) }
  },
})
