import { z } from 'zod'
import { compatible, compatibleSettings, definePlugin, fail, openaiClient, responsesClient } from '#provider'

const settings = compatibleSettings({ ...responsesClient.options, ...openaiClient.options }).extend({
  api: z
    .enum(['chat', 'responses', 'models'])
    .default('chat')
    .describe('Which API is asked: chat completions, responses, or the chat completions of models of other makers.'),
  api_version: z
    .string()
    .regex(/^[\w.-]+$/)
    .optional()
    .describe('Such as 2024-10-21: asks the dated API, where the model names a deployment, instead of the v1 API.'),
})

const vendor = {
  type: 'azure-openai',
  title: 'Azure OpenAI',
  catalog: 'azure',
  baseUrlVariable: {
    name: 'AZURE_OPENAI_ENDPOINT',
    toBaseUrl: (endpoint: string) =>
      /^https?:/.test(endpoint)
        ? endpoint.replace(/\/+(?:openai(?:\/v1)?\/*)?$/, '')
        : `https://${endpoint}.openai.azure.com`,
  },
  keyVariable: 'AZURE_OPENAI_API_KEY',
  media: ['generateImages', 'synthesize'] as const,
  authorization: (secret: string) => ({ 'api-key': secret }),
}
/** The version of the API for models of other makers, which has no v1. */
const modelsVersion = '2024-05-01-preview'

/** Deployments named after the models that complete text; any other is asked in a chat. */
const completes = ['gpt-35-turbo-instruct*', 'gpt-3.5-turbo-instruct*', 'davinci-002', 'babbage-002']

const { manifest } = compatible(openaiClient, vendor)

/** OpenAI's models on Azure, at a resource's own base URL: `https://RESOURCE.openai.azure.com`. */
export default definePlugin({
  manifest: { ...manifest, settings },
  async create({ baseUrl, own }, host) {
    const version = own.api_version
    const dated = version === undefined ? undefined : `?api-version=${version}`
    if (own.api === 'models') {
      const chatPath = `/models/chat/completions?api-version=${version ?? modelsVersion}`
      // Beside chats it has embeddings alone: raw text is asked for in a chat.
      return compatible(openaiClient, { ...vendor, operations: ['embed'], chatPath, modelsPath: false }).create(
        { baseUrl, own },
        host,
      )
    }
    const dialect: typeof openaiClient = {
      ...openaiClient,
      encodeChat(request, streaming, options) {
        const encoded = openaiClient.encodeChat(request, streaming, options)
        return dated === undefined ? encoded : { ...encoded, path: placed('/chat/completions', request.model) }
      },
    }
    const placed = (path: string, model: string): string => {
      if (dated === undefined) return `/openai/v1${path}`
      // Dots alone would climb out of the path.
      if (/^\.{1,2}$/.test(model)) throw fail('invalid_request', 'this is no deployment name', { param: 'model' })
      return `/openai/deployments/${encodeURIComponent(model)}${path}${dated}`
    }
    const chatPath = '/openai/v1/chat/completions'
    const options = {
      limitField: 'max_completion_tokens' as const,
      embeddings: { compact: true, tokensAtOnce: 300_000 },
      completes,
    }
    const modelsPath = dated === undefined ? '/openai/v1/models' : `/openai/models${dated}`
    const all = await compatible(dialect, { ...vendor, chatPath, modelsPath, options, operationPath: placed }).create(
      { baseUrl, own },
      host,
    )
    if (own.api !== 'responses') return all
    const responsesPath = dated === undefined ? '/openai/v1/responses' : `/openai/responses${dated}`
    const responses = compatible(responsesClient, { ...vendor, chatPath: responsesPath })
    // Everything but chats is asked for in the same way.
    return { ...all, ...(await responses.create({ baseUrl, own }, host)) }
  },
})
