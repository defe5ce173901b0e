import { createVerify, generateKeyPairSync } from 'node:crypto'

/** A service account, and the issuer that gives a token to whoever signs as that account. */
export interface Issuer {
  /** What a credentials file of the account holds. */
  readonly credentials: Readonly<Record<string, string>>
  /** The token that it gives. */
  readonly token: string
  /** The answer to a request for a token, whose body is a form with an assertion (RFC 7523). */
  readonly answer: (form: string) => { readonly status: number; readonly body: string }
}

/** A new account with a key of its own. */
export function openIssuer(): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const token = 'token-of-the-wire-suite-0123456789'
  return {
    credentials: { type: 'service_account', client_email: 'robot@wire-suite.example', private_key: privateKey },
    token,
    answer: (form) => {
      const [header = '', claims = '', signature = ''] = (new URLSearchParams(form).get('assertion') ?? '').split('.')
      const verify = createVerify('RSA-SHA256').update(`${header}.${claims}`)
      return verify.verify(publicKey, signature, 'base64url')
        ? { status: 200, body: JSON.stringify({ access_token: token, expires_in: 3600, token_type: 'Bearer' }) }
        : { status: 401, body: '{"error":"invalid_grant"}' }
    },
  }
}
