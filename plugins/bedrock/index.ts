import { AwsV4Signer } from 'aws4fetch'
import { z } from 'zod'
import { bedrockClient, definePlugin, fail, type Host, type Outgoing, type Secret, upstreamProvider } from '#provider'

const settings = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z0-9-]+$/, { error: 'must be the name of a region, such as eu-central-1' })
    .optional()
    .describe('Region to call, such as eu-central-1. Default: AWS_REGION.'),
  access_key_id: z
    .string()
    .min(1)
    .optional()
    .describe('Id of the access key whose secret env_var holds. Without it env_var holds a Bedrock API key.'),
  session_token_variable: z
    .string()
    .min(1)
    .optional()
    .describe('Environment variable with the session token of a temporary access key. See secrets.allowed_env.'),
  headers: z.record(z.string(), z.string()).default({}).describe('More headers for every request. Not for secrets.'),
})

type Settings = z.infer<typeof settings>

const addressOf = (region: string): string => `https://bedrock-runtime.${region}.amazonaws.com`
const address = /^https:\/\/bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/

/** How the names of models there begin: with their maker, with where an inference profile runs, or as the ARN of one. */
const prefixes = (
  'ai21. amazon. anthropic. cohere. deepseek. meta. mistral. openai. qwen. ' +
  'us. eu. apac. jp. au. global. arn:aws:bedrock:'
).split(' ')

/** Amazon Bedrock, by Converse and ConverseStream: every model there that chats. */
export default definePlugin<Settings>({
  manifest: {
    type: 'bedrock',
    contract: 'switchyard.v1',
    title: 'Amazon Bedrock',
    catalog: 'aws',
    models: prefixes.map((prefix) => `${prefix}*`),
    settings,
    keyVariable: 'AWS_BEARER_TOKEN_BEDROCK',
    baseUrlVariable: { name: 'AWS_REGION', toBaseUrl: addressOf },
  },
  create({ baseUrl, own }, host) {
    const region = own.region ?? address.exec(baseUrl)?.[1]
    // A region that was chosen beats the one of the environment, but not an address that was written out.
    const place =
      own.region !== undefined && (baseUrl === '' || address.test(baseUrl)) ? addressOf(own.region) : baseUrl
    if (place === '') throw fail('invalid_request', 'needs settings.region, AWS_REGION or a base_url')
    const { dialect, options } = { dialect: bedrockClient, options: bedrockClient.defaults }
    const authorize = authorization(own, region, host)
    return upstreamProvider({
      dialect,
      options,
      baseUrl: place,
      chatPath: dialect.chatPath,
      headers: async (credential, outgoing) => ({
        ...own.headers,
        ...(credential !== undefined && (await authorize(credential.secret, outgoing))),
      }),
    })
  },
})

type Authorize = (secret: Secret, outgoing: Outgoing) => Promise<Record<string, string>>

/** A bearer token for an API key; a signature over the whole request (SigV4) for an access key. */
function authorization(
  { access_key_id: id, session_token_variable: variable }: Settings,
  region = '',
  host: Host,
): Authorize {
  if (id === undefined && variable !== undefined)
    throw fail('invalid_request', 'settings.session_token_variable needs settings.access_key_id')
  if (id === undefined) return (secret) => Promise.resolve({ authorization: `Bearer ${secret.reveal()}` })
  if (region === '') throw fail('invalid_request', 'settings.access_key_id needs settings.region, to sign for it')
  const token = variable === undefined ? undefined : host.secret?.(variable)
  return async (secret, { method, url, body }) => {
    const signer = new AwsV4Signer({
      method,
      url,
      body,
      headers: { 'content-type': 'application/json' },
      accessKeyId: id,
      secretAccessKey: secret.reveal(),
      ...(token !== undefined && { sessionToken: token.reveal() }),
      service: 'bedrock',
      region,
    })
    const { headers } = await signer.sign()
    return Object.fromEntries(headers)
  }
}
