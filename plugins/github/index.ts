import { compatible, definePlugin, openaiClient } from '#provider'

/** GitHub Models; models are named VENDOR/MODEL. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'github',
    title: 'GitHub Models',
    baseUrl: 'https://models.github.ai/inference',
    keyVariable: 'GITHUB_TOKEN',
  }),
)
