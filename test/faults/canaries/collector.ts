import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Evidence } from './evidence.ts'

/** Takes in traces, as an OTLP collector does; all of them are evidence. */
export interface Collector {
  readonly url: string
  /** Exports that came with the token that is configured. */
  readonly exports: () => readonly (string | undefined)[]
  /** From now on it takes nothing, and says what it was shown. */
  fail(): void
  close(): Promise<void>
}

/** Starts one on a free port of 127.0.0.1. */
export async function startCollector(evidence: Evidence): Promise<Collector> {
  const tokens: (string | undefined)[] = []
  let failing = false
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      tokens.push(request.headers.authorization)
      evidence.take('spans: an export', body)
      response.writeHead(failing ? 401 : 200, { 'content-type': 'application/x-protobuf' })
      response.end(failing ? `no ${request.headers.authorization}` : undefined)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exports: () => tokens,
    fail: () => void (failing = true),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
