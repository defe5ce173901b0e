import { env } from 'node:process'
import { z } from 'zod'
import { definePlugin, fail, type Provider, remoteProvider, Secret } from '#provider'

const settings = z.strictObject({
  address: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where the provider listens, such as http://127.0.0.1:50051. base_url serves as well.'),
  token_variable: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*_API_KEY$/, 'must be the name of a variable that ends in _API_KEY')
    .optional()
    .describe('Environment variable that holds a bearer token, for a provider without keys of its own.'),
})

/** A provider in another process and any language: a gRPC server that implements `switchyard.v1.InferenceService`. */
export default definePlugin({
  manifest: {
    type: 'remote',
    contract: 'switchyard.v1',
    title: 'Remote provider (gRPC)',
    models: [],
    settings,
    placedBy: ['address'],
  },
  create({ baseUrl, own }): Provider {
    const address = own.address ?? baseUrl
    if (address === '') throw fail('invalid_request', 'a remote provider needs settings.address, or a base_url')
    return remoteProvider(address, tokenFrom(own.token_variable))
  },
})

/** The token under the variable's name. Only names of keys are taken, so that settings cannot send out any other secret. */
function tokenFrom(variable: string | undefined) {
  if (variable === undefined) return {}
  const token = env[variable]?.trim() ?? ''
  if (token === '') throw fail('provider_credential', `the environment variable ${variable} is not set`)
  return { credential: { id: variable, secret: new Secret(token) } }
}
