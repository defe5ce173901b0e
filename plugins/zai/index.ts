import { compatible, definePlugin, openaiClient } from '#provider'

/** Z.AI, which makes GLM; its coding plan has the base_url https://api.z.ai/api/coding/paas/v4. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'zai',
    title: 'Z.AI',
    baseUrl: 'https://api.z.ai/api/paas/v4',
    keyVariable: 'ZHIPU_API_KEY',
    operations: ['embed'],
    // Texts alone, and no more at once: https://docs.bigmodel.cn/api-reference/模型-api/文本嵌入; answers as text or as an object:
    // https://docs.z.ai/api-reference/llm/chat-completion
    options: {
      reasoningField: 'reasoning_content',
      withoutSchemas: ['*'],
      embeddings: { inputs: 64, tokens: false },
    },
  }),
)
