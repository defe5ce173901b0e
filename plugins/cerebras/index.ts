import { compatible, definePlugin, openaiClient } from '#provider'

/** Cerebras; it answers with 400 to the fields it refuses. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'cerebras',
    title: 'Cerebras',
    baseUrl: 'https://api.cerebras.ai/v1',
    keyVariable: 'CEREBRAS_API_KEY',
    operations: ['generate'],
    options: {
      reasoningField: 'reasoning',
      limitField: 'max_completion_tokens',
      refuses: ['frequency_penalty', 'presence_penalty', 'logit_bias'],
    },
  }),
)
