import { compatible, definePlugin, openaiClient } from '#provider'

/** NVIDIA, whose NIM servers answer at one address. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'nvidia',
    title: 'NVIDIA',
    baseUrl: 'https://integrate.api.nvidia.com/v1',
    keyVariable: 'NVIDIA_API_KEY',
    operations: ['generate', 'embed'],
    options: { embeddings: { purpose: { field: 'input_type', words: { query: 'query', document: 'passage' } } } },
  }),
)
