import { openSync, writeSync } from 'node:fs'
import { ServerResponse } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import { Server } from 'node:net'
import { join } from 'node:path'

/*
 * Loaded before each file of tests by ./vitest.config.ts: writes down everything that gateways in this process answer, whoever started
 * them, to a file of the folder that SWITCHYARD_RECORD names.
 */

const folder = process.env['SWITCHYARD_RECORD']
if (folder !== undefined) recordAnswers(openSync(join(folder, `answers-${process.pid}`), 'a'))

function recordAnswers(file: number): void {
  const ports = portsOfGateways()
  const put = (value: unknown): void => {
    if (typeof value === 'string' || value instanceof Uint8Array) writeSync(file, Buffer.from(value))
    else if (typeof value === 'object' && value !== null) writeSync(file, `${JSON.stringify(value)}\n`)
  }
  for (const { prototype } of [ServerResponse, Http2ServerResponse] as unknown as { prototype: Answering }[])
    for (const name of ['setHeader', 'writeHead', 'write', 'end', 'addTrailers'] as const) {
      const original = prototype[name]
      prototype[name] = function recorded(this: Answering, ...given: unknown[]): unknown {
        const port = (this.stream?.session ?? this).socket?.localPort
        if (port !== undefined && ports.has(port)) for (const value of given) put(value)
        return original.apply(this, given)
      }
    }
}

type Method = (...given: unknown[]) => unknown
type Answering = Record<'setHeader' | 'writeHead' | 'write' | 'end' | 'addTrailers', Method> & {
  readonly socket?: { readonly localPort?: number } | null
  readonly stream?: { readonly session?: { readonly socket: { readonly localPort?: number } } }
}

/** The ports that gateways listen on, as they are opened and closed. */
function portsOfGateways(): ReadonlySet<number> {
  const ports = new Set<number>()
  const { listen } = Server.prototype as unknown as { listen: (this: Server, ...given: unknown[]) => Server }
  Server.prototype.listen = function noted(this: Server, ...given: unknown[]): Server {
    if (/\/src\/server\/port\.ts|\/test\/e2e\/rpc-edge\.ts/.test(new Error().stack ?? ''))
      this.once('listening', () => {
        const address = this.address()
        if (address === null || typeof address === 'string') return
        ports.add(address.port)
        this.once('close', () => ports.delete(address.port))
      })
    return listen.apply(this, given)
  }
  return ports
}
