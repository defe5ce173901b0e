import { compatible, definePlugin, openaiClient } from '#provider'

/** Hugging Face, which routes to the vendor that hosts the model. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'huggingface',
    title: 'Hugging Face',
    baseUrl: 'https://router.huggingface.co/v1',
    keyVariable: 'HF_TOKEN',
    operations: [],
  }),
)
