import type { Host } from '#provider'

/** What of an answer's head the AI SDK looks at, or an error tells. */
const kept = [
  'content-type',
  'retry-after',
  'retry-after-ms',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-remaining-tokens',
  'x-ratelimit-reset-requests',
  'x-ratelimit-reset-tokens',
  'x-request-id',
  'request-id',
] as const

/** A `fetch` that goes out through the gateway's own connections, whatever the package would use by itself. */
export function fetchThrough(egress: Host['egress']): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const body = request.method === 'GET' ? undefined : new Uint8Array(await request.arrayBuffer())
    const response = await egress.send({
      method: request.method === 'GET' ? 'GET' : 'POST',
      url: request.url,
      headers: Object.fromEntries(request.headers),
      signal: init?.signal ?? request.signal,
      ...(body && { body }),
    })
    const headers = kept.flatMap((name) => {
      const value = response.header(name)
      return value === undefined ? [] : [[name, value] as [string, string]]
    })
    const empty = response.status === 204 || response.status === 304
    return new Response(empty ? null : ReadableStream.from(response.body), { status: response.status, headers })
  }
}
