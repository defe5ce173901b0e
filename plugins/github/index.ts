import { compatible, definePlugin, openaiClient } from '#provider'

/** GitHub Models; models are named VENDOR/MODEL. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'github',
    title: 'GitHub Models',
    catalog: 'github-models',
    baseUrl: 'https://models.github.ai/inference',
    keyVariable: 'GITHUB_TOKEN',
    modelsPath: false,
    operations: ['embed'],
  }),
)
