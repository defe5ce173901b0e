import { z } from 'zod'
import { anthropicClient, byModel, definePlugin, embedPredict, geminiClient, upstreamProvider } from '#provider'
import { claudeOnVertex } from './claude.ts'
import { tokenSource } from './token.ts'

const settings = z.strictObject({
  project: z
    .string()
    .regex(/^[a-z0-9:.-]+$/, { error: 'must be the id of a project' })
    .describe('Id of the project that is billed.'),
  location: z
    .string()
    .regex(/^[a-z0-9-]+$/, { error: 'must be the name of a location, such as europe-west4' })
    .default('global')
    .describe('Where the model runs, such as europe-west4.'),
  api_version: z.enum(['v1', 'v1beta1']).default('v1').describe('First segment of the paths.'),
  credentials_file: z
    .string()
    .min(1)
    .optional()
    .describe('Path of a credentials file. Without any credentials, the application default ones are looked for.'),
  credentials: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('What such a file holds, such as the key of a service account.'),
  access_token: z
    .string()
    .min(1)
    .optional()
    .describe('A token that is kept fresh elsewhere. For short runs and tests.'),
  token_url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Asked for tokens instead of Google's own address."),
  headers: z.record(z.string(), z.string()).default({}).describe('More headers for every request. Not for secrets.'),
})

/** Vertex AI: Google's Gemini, and Anthropic's Claude, with tokens of a service account or an API key in env_var. */
/** Vertex asks after its operations in another way than the Gemini API. */
const { video: _video, ...media } = geminiClient.operations ?? {}

export default definePlugin<z.infer<typeof settings>>({
  manifest: {
    type: 'vertex',
    contract: 'switchyard.v1',
    title: 'Google Vertex AI',
    catalog: 'google',
    models: [],
    settings,
    // Tokens of the gateway's own account are sent there, and files are read.
    operatorOnly: ['base_url', 'credentials_file', 'credentials', 'access_token', 'token_url'],
    baseUrlVariable: { name: 'GOOGLE_VERTEX_BASE_URL' },
  },
  create({ baseUrl, own }, host) {
    const token = tokenSource(own, host)
    const publishers = `projects/${own.project}/locations/${own.location}/publishers`
    const upstream = {
      baseUrl: baseUrl === '' ? addressOf(own.location) : baseUrl,
      chatPath: '',
      headers: async (credential: { readonly secret: { reveal(): string } } | undefined) => ({
        ...own.headers,
        ...(credential === undefined
          ? { authorization: `Bearer ${await token()}` }
          : { 'x-goog-api-key': credential.secret.reveal() }),
      }),
    }
    const gemini = upstreamProvider({
      ...upstream,
      dialect: { ...geminiClient, operations: { ...media, embed: embedPredict } },
      options: {
        ...geminiClient.defaults,
        apiVersion: own.api_version,
        modelPrefix: `${publishers}/google/models/`,
        fetchesUrls: true,
      },
    })
    const claude = upstreamProvider({
      ...upstream,
      dialect: claudeOnVertex(`/${own.api_version}/${publishers}/anthropic/models`),
      // There, images and documents are taken as bytes alone.
      options: { ...anthropicClient.defaults, readsUrls: false },
    })
    return byModel((model) => (model.startsWith('claude') ? claude : gemini))
  },
})

/** Every region has its own host; the global endpoint and the multi-regions have others. */
function addressOf(location: string): string {
  if (location === 'global') return 'https://aiplatform.googleapis.com'
  if (location === 'us' || location === 'eu') return `https://aiplatform.${location}.rep.googleapis.com`
  return `https://${location}-aiplatform.googleapis.com`
}
