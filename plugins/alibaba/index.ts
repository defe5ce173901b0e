import { compatible, definePlugin, openaiClient } from '#provider'

/** Alibaba Cloud Model Studio outside China; in China base_url is https://dashscope.aliyuncs.com/compatible-mode/v1. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'alibaba',
    title: 'Alibaba Cloud',
    baseUrl: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
    keyVariable: 'DASHSCOPE_API_KEY',
    operations: ['embed'],
    options: { reasoningField: 'reasoning_content', embeddings: { inputs: 10, tokens: false, formats: ['float'] } },
  }),
)
