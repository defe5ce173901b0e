import { compatible, definePlugin, openaiClient } from '#provider'

/** Moonshot AI, which makes Kimi, outside China; in China base_url is https://api.moonshot.cn/v1. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'moonshot',
    title: 'Moonshot AI',
    catalog: 'moonshotai',
    baseUrl: 'https://api.moonshot.ai/v1',
    keyVariable: 'MOONSHOT_API_KEY',
    // Images are taken as bytes alone.
    operations: [],
    options: { reasoningField: 'reasoning_content', linked: [] },
  }),
)
