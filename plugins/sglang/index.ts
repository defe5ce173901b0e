import { compatible, definePlugin, openaiClient } from '#provider'

/** A server of SGLang, on this machine unless SGLANG_BASE_URL says otherwise. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'sglang',
    title: 'SGLang',
    baseUrl: 'http://127.0.0.1:30000/v1',
    baseUrlVariable: { name: 'SGLANG_BASE_URL', enables: true },
    keyVariable: 'SGLANG_API_KEY',
    operations: ['generate', 'embed'],
    options: { reasoningField: 'reasoning_content' },
  }),
)
