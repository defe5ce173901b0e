import type { DescService } from '@bufbuild/protobuf'
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'

/** Where a command finds the gateway it asks. */
export interface GatewayFlags {
  /** Base URL; else SWITCHYARD_URL, else the gateway of this machine. */
  readonly url?: string | undefined
}

/** A client of a running gateway, with the key of SWITCHYARD_API_KEY where that is set. Throws a `TypeError` for what is no URL. */
export function gatewayClient<Service extends DescService>(
  service: Service,
  { url }: GatewayFlags,
  env: NodeJS.ProcessEnv,
): Client<Service> {
  const baseUrl = new URL(url ?? env['SWITCHYARD_URL'] ?? 'http://127.0.0.1:3000').href.replace(/\/$/, '')
  const key = env['SWITCHYARD_API_KEY']
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: '1.1',
    interceptors: [
      (next) => (request) => {
        if (key !== undefined && key !== '') request.header.set('authorization', `Bearer ${key}`)
        return next(request)
      },
    ],
  })
  return createClient(service, transport)
}

/** What to tell a person of a failed call, in one line. */
export function explainFailure(thrown: unknown): string {
  const error = ConnectError.from(thrown)
  if (error.code === Code.Unavailable && error.cause !== undefined)
    return 'no gateway answers there: start one, or name its address with --url'
  if (error.code === Code.Unauthenticated) return `${error.rawMessage}; for this command: SWITCHYARD_API_KEY`
  return error.rawMessage
}
