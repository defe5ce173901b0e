import type { DescService } from '@bufbuild/protobuf'
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'

/** Where a command finds the gateway it asks. */
export interface GatewayFlags {
  /** Base URL; else SWITCHYARD_URL, else the gateway of this machine. */
  readonly url?: string | undefined
}

/** A client of a running gateway, with the key of SWITCHYARD_API_KEY where that is set. Throws an error that says so for what is no URL or no key. */
export function gatewayClient<Service extends DescService>(
  service: Service,
  { url }: GatewayFlags,
  env: NodeJS.ProcessEnv,
): Client<Service> {
  const baseUrl = URL.parse(url ?? (env['SWITCHYARD_URL'] || 'http://127.0.0.1:3000'))
  if (baseUrl === null || !/^https?:$/.test(baseUrl.protocol))
    throw new Error('--url, or SWITCHYARD_URL, must be like http://127.0.0.1:3000')
  const key = env['SWITCHYARD_API_KEY']
  // What sends it would quote it.
  if (key !== undefined && /[^\u0021-\u007E]/.test(key))
    throw new Error('SWITCHYARD_API_KEY holds characters that no key has, such as a blank or the end of a line')
  const transport = createConnectTransport({
    baseUrl: baseUrl.href.replace(/\/$/, ''),
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
