import { compatible, definePlugin, openaiClient } from '#provider'

/** Google's Gemini, through its endpoint that is compatible with OpenAI's chat completions. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'gemini',
    title: 'Google Gemini',
    baseUrl: 'https://generativelanguage.googleapis.com',
    chatPath: '/v1beta/openai/chat/completions',
    baseUrlVariable: { name: 'GEMINI_BASE_URL' },
    keyVariable: 'GEMINI_API_KEY',
    models: ['gemini*', 'text-embedding-004'],
    defaultModel: 'gemini-2.5-flash',
  }),
)
