import { compatible, definePlugin, openaiClient } from '#provider'

/** opencode's model gateway; its models are asked for as `opencode/NAME`. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'opencode',
    title: 'opencode Zen',
    baseUrl: 'https://opencode.ai/zen/v1',
    keyVariable: 'OPENCODE_API_KEY',
    models: ['opencode/*'],
  }),
)
