import { compatible, definePlugin, openaiClient } from '#provider'

/** A server of vLLM, on this machine unless VLLM_BASE_URL says otherwise. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'vllm',
    title: 'vLLM',
    baseUrl: 'http://127.0.0.1:8000/v1',
    baseUrlVariable: { name: 'VLLM_BASE_URL', enables: true },
    keyVariable: 'VLLM_API_KEY',
    operations: ['generate', 'embed', 'transcribe'],
    options: { reasoningField: 'reasoning' },
  }),
)
