import { headerOf } from './reply.ts'
import type { NodeRequest } from './guard.ts'

const none: Readonly<Record<string, string>> = {}

/**
 * The CORS headers of an answer: for pages of the allowed origins, and none at all for anybody else. Keys travel in headers, so
 * no cookie is ever asked for.
 */
export function corsHeaders(origins: readonly string[]): (request: NodeRequest) => Readonly<Record<string, string>> {
  if (origins.length === 0) return () => none
  const allowed = new Set(origins)
  return (request) => {
    const origin = headerOf(request, 'origin')
    if (origin === undefined || !(allowed.has('*') || allowed.has(origin))) return none
    return {
      'access-control-allow-origin': allowed.has('*') ? '*' : origin,
      vary: 'origin',
      // A star covers everything but the key. The vendors' SDKs send and read headers of their own.
      'access-control-allow-headers': 'authorization, *',
      'access-control-expose-headers': '*',
    }
  }
}
