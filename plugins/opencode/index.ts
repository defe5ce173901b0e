import { z } from 'zod'
import {
  anthropicClient,
  byModel,
  compatible,
  definePlugin,
  geminiClient,
  openaiClient,
  type Provider,
  responsesClient,
} from '#provider'
import { type Format, formatFor, formatOf, formats } from './formats.ts'

const vendor = {
  type: 'opencode',
  title: 'opencode Zen',
  baseUrl: 'https://opencode.ai/zen/v1',
  keyVariable: 'OPENCODE_API_KEY',
  models: ['opencode/*'],
}

// Zen has no endpoint that counts tokens.
const { count: _messages, ...messages } = anthropicClient
const { count: _gemini, ...gemini } = geminiClient

/** Zen's endpoint for each format; each wants the key where the format's own vendor does. */
const plugins = {
  chat: compatible(openaiClient, { ...vendor, chatPath: '/v1/chat/completions', operations: [] }),
  responses: compatible(responsesClient, { ...vendor, chatPath: '/v1/responses' }),
  messages: compatible(messages, {
    ...vendor,
    options: { vendor: messages.defaults.vendor },
    authorization: (secret) => ({ 'x-api-key': secret }),
  }),
  gemini: compatible(gemini, {
    ...vendor,
    operations: [],
    options: { vendor: gemini.defaults.vendor, apiVersion: 'v1' },
    authorization: (secret) => ({ 'x-goog-api-key': secret }),
  }),
}

const settings = z.strictObject({
  headers: z.record(z.string(), z.string()).default({}).describe('More headers for every request. Not for secrets.'),
  formats: z
    .record(z.string().min(1), z.enum(formats))
    .default({})
    .describe('The format of models that the plugin does not know yet, by how their names begin.'),
})

/** opencode's model gateway, which serves each model in one format; its models are asked for as `opencode/NAME`. */
export default definePlugin<z.infer<typeof settings>>({
  manifest: { ...plugins.chat.manifest, settings },
  async create({ baseUrl, own }, host) {
    // The formats have the version in their own paths.
    const place = { baseUrl: baseUrl.replace(/\/v1$/, ''), own: { headers: own.headers, options: {} } }
    const made = new Map<Format, Provider>()
    for (const format of formats) made.set(format, await plugins[format].create(place, host))
    return byModel((model) => made.get(formatFor(model, own.formats, formatOf)) ?? {}, made.get('chat'))
  },
})
