import { compatible, definePlugin, openaiClient } from '#provider'

/** Anthropic, through its endpoint that is compatible with OpenAI's chat completions. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'anthropic',
    title: 'Anthropic',
    baseUrl: 'https://api.anthropic.com',
    chatPath: '/v1/chat/completions',
    baseUrlVariable: { name: 'ANTHROPIC_BASE_URL' },
    keyVariable: 'ANTHROPIC_API_KEY',
    models: ['claude*'],
    defaultModel: 'claude-sonnet-4-20250514',
    options: { refuses: ['seed', 'logit_bias', 'presence_penalty', 'frequency_penalty', 'logprobs', 'top_logprobs'] },
  }),
)
