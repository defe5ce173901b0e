import { compatible, definePlugin, openaiClient } from '#provider'

/** Together AI, at its API for chat completions. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'together',
    title: 'Together AI',
    baseUrl: 'https://api.together.xyz/v1',
    keyVariable: 'TOGETHER_API_KEY',
    operations: ['generate', 'embed', 'transcribe'],
    // Transcripts are json or verbose_json, of every model.
    options: { timedTranscripts: ['*'], embeddings: { user: false } },
  }),
)
