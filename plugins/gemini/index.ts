import { compatible, definePlugin, geminiClient } from '#provider'

/** Google's Gemini, through its own API. */
export default definePlugin(
  compatible(geminiClient, {
    type: 'gemini',
    title: 'Google Gemini',
    catalog: 'google',
    baseUrl: 'https://generativelanguage.googleapis.com',
    baseUrlVariable: { name: 'GEMINI_BASE_URL' },
    keyVariable: 'GEMINI_API_KEY',
    models: ['gemini*', 'text-embedding-004', 'veo-*'],
    media: ['generateImages', 'synthesize', 'video'],
    defaultModel: 'gemini-2.5-flash',
    authorization: (secret) => ({ 'x-goog-api-key': secret }),
  }),
)
