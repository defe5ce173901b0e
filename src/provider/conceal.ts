import { scrub } from '../dialects/scrub.ts'
import { fail, type GatewayError } from '../error/index.ts'
import type { Credential } from './contract.ts'
import type { Secret } from './secret.ts'

/** The secrets of a provider's keys, for {@link conceal}. */
export function secretsOf(credentials: readonly (Credential | undefined)[]): readonly Secret[] {
  return credentials.flatMap((credential) => (credential === undefined ? [] : [credential.secret]))
}

/** The other side's own id of a call; empty where it quotes a key, as one that only echoes what it was sent may. */
export function concealId(secrets: readonly Secret[], id: string): string {
  return quotes(secrets, id) ? '' : id
}

function quotes(secrets: readonly Secret[], text: string | undefined): boolean {
  return text !== undefined && secrets.some((secret) => text.includes(secret.reveal()))
}

/**
 * An error of a provider with its keys gone from it, should the other side have quoted one: cut out of the message, other fields left
 * out. What was thrown beneath goes as well, since it says the same in more words.
 */
export function conceal(secrets: readonly Secret[], error: GatewayError): GatewayError {
  const { param, upstream, cause: _, ...details } = error.details
  const { status, type, code } = upstream ?? {}
  if (![error.message, param, type, code].some((text) => quotes(secrets, text))) return error
  const revealed = secrets.map((secret) => secret.reveal())
  return fail(error.reason, scrub(error.message, revealed), {
    ...details,
    ...(param !== undefined && !quotes(secrets, param) && { param }),
    ...(status !== undefined && {
      upstream: {
        status,
        ...(type !== undefined && !quotes(secrets, type) && { type }),
        ...(code !== undefined && !quotes(secrets, code) && { code }),
      },
    }),
  })
}
