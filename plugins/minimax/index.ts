import { compatible, definePlugin, openaiClient } from '#provider'

/** MiniMax, at its address that is compatible with OpenAI's. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'minimax',
    title: 'MiniMax',
    baseUrl: 'https://api.minimax.io/v1',
    keyVariable: 'MINIMAX_API_KEY',
    operations: [],
    options: { limitField: 'max_completion_tokens' },
  }),
)
