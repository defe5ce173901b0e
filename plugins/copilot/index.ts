import { compatible, definePlugin, openaiClient } from '#provider'

/** GitHub Copilot; the key is a token of an application that its owner lets use Copilot, no personal access token. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'github-copilot',
    title: 'GitHub Copilot',
    baseUrl: 'https://api.githubcopilot.com',
    keyVariable: 'GITHUB_COPILOT_TOKEN',
    operations: [],
  }),
)
