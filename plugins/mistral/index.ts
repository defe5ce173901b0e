import { compatible, definePlugin, openaiClient } from '#provider'

const refused = 'top_k logit_bias user store service_tier modalities audio verbosity prompt_cache_key'

/** Mistral: chat completions with a few words of its own, ids of calls that have nine characters, and reasoning in the content. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'mistral',
    title: 'Mistral AI',
    baseUrl: 'https://api.mistral.ai/v1',
    keyVariable: 'MISTRAL_API_KEY',
    models: [
      'mistral-*',
      'ministral-*',
      'magistral-*',
      'codestral-*',
      'devstral-*',
      'pixtral-*',
      'voxtral-*',
      'open-mi*',
    ],
    defaultModel: 'mistral-small-latest',
    operations: ['embed', 'transcribe'],
    options: {
      limitField: 'max_tokens',
      // Usage comes with every stream, and asking for it is an error.
      renames: { seed: 'random_seed', max_completion_tokens: 'max_tokens', stream_options: null },
      callIdLength: 9,
      reasoningField: 'thinking',
      linked: ['image', 'audio'],
      transcriptFormats: false,
      speakersField: 'diarize',
      timesOfLanguage: false,
      transcriptRefuses: ['prompt', 'include', 'chunking_strategy', 'known_speaker_names', 'known_speaker_references'],
      translates: false,
      refuses: refused.split(' '),
      embeddings: { inputs: 256, tokensAtOnce: 16_000, dimensions: 'output_dimension', user: false, tokens: false },
    },
  }),
)
