import type { TraceHeaders } from './contract.ts'

const traceparent = /^[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/
/** What a tracestate may be made of: printable ASCII, as long as the W3C asks to be carried at least. */
const tracestate = /^[\x20-\x7E]{1,512}$/

/** The trace context that a client sent, where it is one; a tracestate goes only with a traceparent. */
export function traceHeadersOf(header: (name: string) => string | undefined): TraceHeaders {
  const parent = header('traceparent')
  if (parent === undefined || !traceparent.test(parent) || parent.startsWith('ff')) return {}
  const state = header('tracestate')
  return { traceparent: parent, ...(state !== undefined && tracestate.test(state) && { tracestate: state }) }
}
