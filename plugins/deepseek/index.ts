import { compatible, definePlugin, openaiClient } from '#provider'

/** DeepSeek; a model that thinks gets its reasoning back. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'deepseek',
    title: 'DeepSeek',
    baseUrl: 'https://api.deepseek.com',
    keyVariable: 'DEEPSEEK_API_KEY',
    operations: [],
    options: { reasoningField: 'reasoning_content' },
  }),
)
