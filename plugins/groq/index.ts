import { compatible, definePlugin, openaiClient } from '#provider'

/** Groq; it answers with 400 to the fields it refuses. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'groq',
    title: 'Groq',
    baseUrl: 'https://api.groq.com/openai/v1',
    keyVariable: 'GROQ_API_KEY',
    operations: ['synthesize', 'transcribe'],
    options: {
      reasoningField: 'reasoning',
      limitField: 'max_completion_tokens',
      timedTranscripts: ['whisper*', 'distil-whisper*'],
      plainUsage: false,
      speechRefuses: ['instructions'],
      refuses: ['logprobs', 'top_logprobs', 'logit_bias'],
    },
  }),
)
