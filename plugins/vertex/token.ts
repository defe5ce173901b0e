import { readFileSync } from 'node:fs'
import { GoogleAuth, type GoogleAuthOptions, JWT } from 'google-auth-library'
import { fail, GatewayError, type Host } from '#provider'

/** Where tokens come from. */
export interface TokenSettings {
  /** A token that is sent as it is. */
  readonly access_token?: string | undefined
  /** Path of a credentials file. */
  readonly credentials_file?: string | undefined
  /** What such a file holds. */
  readonly credentials?: Readonly<Record<string, unknown>> | undefined
  /** Asked instead of Google's own address. */
  readonly token_url?: string | undefined
}

/** How long the token's issuer may take to answer, in milliseconds. */
const patience = 10_000

/**
 * Gives the token to send, of the credentials in the settings or else of the environment. The library keeps a token, and fetches
 * the next one before it runs out. Throws `invalid_request` for a file that cannot be read, and later `provider_credential` when there
 * is no token to be had.
 */
export function tokenSource(settings: TokenSettings, { egress }: Pick<Host, 'egress'>): () => Promise<string> {
  const { access_token: fixed } = settings
  if (fixed !== undefined) return () => Promise.resolve(fixed)
  const ask = clientOf(settings, fetchOver(egress, settings.token_url))
  return async () => {
    const token = await ask().catch((error: unknown) => {
      throw refusal(error)
    })
    if (token == null || token === '') throw fail('provider_credential', 'there is no token for the provider')
    return token
  }
}

const scopes = 'https://www.googleapis.com/auth/cloud-platform'

/** The library's client for a service account, or for whatever else the credentials are. */
function clientOf(
  settings: TokenSettings,
  fetchImplementation: typeof fetch,
): () => Promise<string | null | undefined> {
  const transporterOptions = { fetchImplementation }
  const credentials = credentialsOf(settings)
  const { client_email: email, private_key: key } = credentials ?? {}
  if (typeof email === 'string' && typeof key === 'string') {
    const account = new JWT({ email, key, scopes, transporterOptions })
    return async () => (await account.getAccessToken()).token
  }
  const options: GoogleAuthOptions = { scopes, clientOptions: { transporterOptions } }
  if (credentials !== undefined) options.credentials = credentials as NonNullable<GoogleAuthOptions['credentials']>
  const auth = new GoogleAuth(options)
  return () => auth.getAccessToken()
}

function credentialsOf({ credentials, credentials_file: file }: TokenSettings): TokenSettings['credentials'] {
  if (credentials !== undefined || file === undefined) return credentials
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, unknown>>
  } catch (cause) {
    throw fail('invalid_request', 'settings.credentials_file cannot be read as JSON', { cause })
  }
}

/** An issuer that cannot be reached is no fault of the credentials. */
function refusal(error: unknown): GatewayError {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof GatewayError) return cause
  return fail('provider_credential', 'there is no token for the provider: its credentials were not accepted', {
    cause: error,
  })
}

/** The library knows no other, whatever a credentials file says. */
const issuer = 'https://oauth2.googleapis.com/token'

/** The library's requests, sent as all others are. */
function fetchOver(egress: Host['egress'], tokenUrl: string = issuer): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const body = await request.text()
    const answer = await egress.send({
      method: request.method === 'GET' ? 'GET' : 'POST',
      url: request.url === issuer ? tokenUrl : request.url,
      headers: Object.fromEntries(request.headers),
      ...(body !== '' && { body }),
      signal: AbortSignal.timeout(patience),
    })
    const type = answer.header('content-type') ?? 'application/json'
    return new Response(await answer.text(), { status: answer.status, headers: { 'content-type': type } })
  }
}
