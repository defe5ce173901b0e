import { compatible, definePlugin, openaiClient } from '#provider'

/** A server of LM Studio, on this machine unless LMSTUDIO_BASE_URL says otherwise. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'lmstudio',
    title: 'LM Studio',
    baseUrl: 'http://127.0.0.1:1234/v1',
    baseUrlVariable: { name: 'LMSTUDIO_BASE_URL', enables: true },
    keyVariable: 'LMSTUDIO_API_KEY',
    // Images are taken as bytes alone.
    operations: ['generate', 'embed'],
    options: { linked: [] },
  }),
)
