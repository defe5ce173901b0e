import { readFileSync } from 'node:fs'
import { serverDialects } from '../dialects/servers.ts'
import { asGatewayError, fail } from '../error/index.ts'
import { type Address, explainListen, urlOf } from './address.ts'
import { corsHeaders } from './cors.ts'
import { Health } from './health.ts'
import { type MediaOptions, serveMedia } from './media.ts'
import { OpenCalls } from './open-calls.ts'
import { openApiDocument } from './openapi.ts'
import { pages, type PagesOptions } from './pages.ts'
import { services } from './policy.ts'
import { openPort, portLimits } from './port.ts'
import { createRest, type RestOptions } from './rest.ts'
import { defaultRpcLimits, rpcHandler, type RpcOptions } from './rpc.ts'
import { sourceDecoders } from './source.ts'

/** What is served to clients, where, and within which limits. */
export interface EdgeOptions
  extends
    Omit<RestOptions, 'dialects' | 'open' | 'cors' | 'pages'>,
    Pick<RpcOptions, 'log'>,
    Pick<PagesOptions, 'metrics'> {
  readonly address: Address
  /** Paths of PEM files. With them TLS is spoken, without them none. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  /** Origins whose pages may call; `*` for all. */
  readonly origins: readonly string[]
  /** The file that a signed link leads to. */
  readonly linked: MediaOptions['open']
  /** Of the gateway, as its documents tell it. */
  readonly version: string
}

/** All that clients see of a gateway, on an open port. */
export interface Edge {
  readonly url: string
  /** What is listened on, also when any free port was asked for. */
  readonly address: Address
  /**
   * Takes no new connections, and lets open calls go on until the signal is aborted, which ends them with its reason. Resolves when no
   * connection is left; what is there after `mostMs` milliseconds is cut.
   */
  stop(over: AbortSignal, mostMs: number): Promise<void>
}

/**
 * Opens the port and serves the RPCs, the dialects and the pages beside them. Rejects with a one-line message for an address that cannot be
 * listened on, and for a certificate that is no good.
 */
export async function openEdge(options: EdgeOptions): Promise<Edge> {
  const { address, tls, core, once, log } = options
  const health = new Health(Object.values(services))
  const open = new OpenCalls()
  const draining = new AbortController()
  const stopping = new AbortController()
  const rpc = rpcHandler({
    core,
    health,
    log,
    once,
    dialects: sourceDecoders(serverDialects),
    draining: draining.signal,
    stopping: stopping.signal,
    limits: {
      ...defaultRpcLimits,
      readBytes: options.bodyBytes,
      bodyIdleMs: options.bodyIdleMs,
      writeStallMs: options.writeMs,
    },
  })
  const rest = await createRest({
    ...options,
    dialects: serverDialects,
    open,
    cors: corsHeaders(options.origins),
    pages: (app) => {
      const { metrics, linked, writeMs, version } = options
      const document = () => openApiDocument({ dialects: serverDialects, services: Object.values(services), version })
      pages(app, { ready: () => health.ready, metrics, document })
      serveMedia(app, { open: linked, writeMs })
    },
  })
  const port = await openPort({
    ...address,
    ...(tls !== undefined && { tls: { cert: readPem('cert', tls.cert), key: readPem('key', tls.key) } }),
    handler: (request, response) => {
      if (!rpc(request, response)) rest.handle(request, response)
    },
    limits: portLimits,
    log,
  }).catch((error: unknown) => Promise.reject(explainListen(error, address)))
  health.serving()
  return {
    url: urlOf(port, tls !== undefined),
    address: { host: port.host, port: port.port },
    async stop(over, mostMs) {
      const end = (): void => {
        open.cancel(asGatewayError(over.reason))
        stopping.abort(over.reason)
      }
      over.addEventListener('abort', end, { once: true })
      health.draining()
      draining.abort()
      health.stop()
      await port.drain(mostMs)
      await rest.close()
    },
  }
}

function readPem(what: 'cert' | 'key', path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw fail('invalid_request', `server.tls.${what}: the file ${path} cannot be read`, { cause })
  }
}
