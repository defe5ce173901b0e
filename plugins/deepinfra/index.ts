import { compatible, definePlugin, openaiClient } from '#provider'

/** DeepInfra, at its address that is compatible with OpenAI's. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'deepinfra',
    title: 'DeepInfra',
    baseUrl: 'https://api.deepinfra.com/v1/openai',
    keyVariable: 'DEEPINFRA_API_KEY',
    operations: ['generate', 'embed', 'generateImages', 'synthesize', 'transcribe'],
    // https://docs.deepinfra.com/api-reference: b64_json alone, and no instructions.
    options: { imageBytes: true, speechRefuses: ['instructions'] },
  }),
)
