import type { IncomingHttpHeaders } from 'node:http'
import type { UniversalServerRequest } from '@connectrpc/connect/protocol'
import { fail } from '../error/index.ts'
import type { NodeRequest } from './guard.ts'
import { type RpcCall, withCall } from './rpc-call.ts'
import { shownError } from './rpc-explain.ts'

export type { NodeRequest, NodeResponse } from './guard.ts'

/** How far the body of a request was read. */
export interface BodyProgress {
  /** True when the client sent all of it and it was read. */
  complete: boolean
}

/** What a universal request is made of, beside the request of Node. */
export interface RequestParts {
  readonly call: RpcCall
  readonly progress: BodyProgress
  /** Milliseconds that the client may pause in sending its body; no limit when absent. */
  readonly bodyIdleMs?: number
}

/** Where the path ends and the query begins; the same path decides on handler, policy and everything else. */
export function pathOf(request: NodeRequest): string {
  const url = request.url ?? ''
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

/**
 * The request as Connect takes it. Its URL has a fixed authority, as nothing may depend on what the client put in `Host`, and
 * text that is no authority would end the process.
 */
export function universalRequest(request: NodeRequest, parts: RequestParts): UniversalServerRequest {
  return {
    httpVersion: request.httpVersion,
    method: request.method ?? '',
    url: `http://gateway${request.url ?? ''}`,
    header: headersOf(request.headers),
    body: bodyOf(request, parts),
    signal: parts.call.clientGone,
    contextValues: withCall(parts.call),
  }
}

function headersOf(headers: IncomingHttpHeaders): Headers {
  const result = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':')) continue
    result.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  return result
}

/** The body as it arrives. Leaving it early keeps the connection, so that the answer can still be written. */
async function* bodyOf(request: NodeRequest, parts: RequestParts): AsyncGenerator<Uint8Array, void, void> {
  const chunks: AsyncIterator<Uint8Array> = request.iterator({ destroyOnReturn: false })
  for (;;) {
    const step = await nextChunk(chunks, parts)
    if (step.done === true) break
    parts.call.bodyBytes += step.value.length
    yield step.value
  }
  parts.progress.complete = true
}

async function nextChunk(chunks: AsyncIterator<Uint8Array>, parts: RequestParts): Promise<IteratorResult<Uint8Array>> {
  const { bodyIdleMs, call } = parts
  const next = chunks.next().catch((cause: unknown) => {
    throw shownError(fail('client_closed', 'the client left before its request was complete', { cause }), call)
  })
  if (bodyIdleMs === undefined) return next
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const message = `the request body paused for more than ${bodyIdleMs} ms`
      reject(shownError(fail('request_timeout', message, { timer: 'request_body' }), call))
    }, bodyIdleMs)
  })
  try {
    return await Promise.race([next, late])
  } finally {
    clearTimeout(timer)
  }
}
