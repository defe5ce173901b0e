import { compatible, definePlugin, openaiClient } from '#provider'

/** A llama-server of llama.cpp, on this machine unless LLAMACPP_BASE_URL says otherwise. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'llamacpp',
    title: 'llama.cpp',
    baseUrl: 'http://127.0.0.1:8080/v1',
    baseUrlVariable: { name: 'LLAMACPP_BASE_URL', enables: true },
    keyVariable: 'LLAMACPP_API_KEY',
    operations: ['generate', 'embed'],
    options: { reasoningField: 'reasoning_content' },
  }),
)
