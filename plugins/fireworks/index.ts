import { compatible, definePlugin, openaiClient } from '#provider'

/** Fireworks AI; a model that thinks gets its reasoning back. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'fireworks',
    title: 'Fireworks AI',
    baseUrl: 'https://api.fireworks.ai/inference/v1',
    keyVariable: 'FIREWORKS_API_KEY',
    operations: ['generate', 'embed'],
    options: { reasoningField: 'reasoning_content' },
  }),
)
