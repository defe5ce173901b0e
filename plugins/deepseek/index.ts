import { compatible, definePlugin, openaiClient } from '#provider'

/** DeepSeek; a model that thinks gets its reasoning back. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'deepseek',
    title: 'DeepSeek',
    baseUrl: 'https://api.deepseek.com',
    keyVariable: 'DEEPSEEK_API_KEY',
    operations: [],
    // Text or an object: https://api-docs.deepseek.com/api/create-chat-completion
    options: { reasoningField: 'reasoning_content', withoutSchemas: ['*'] },
  }),
)
