import type { DescService } from '@bufbuild/protobuf'
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'

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
  // A gateway says of its errors what they are; of what other servers and the network say, nobody would know what it is about.
  if (thrown instanceof ConnectError && error.findDetails(ErrorInfoSchema).length === 0)
    return `no gateway answers there (${hintOf(error)}): start one, or name its address with --url`
  if (error.code === Code.Unauthenticated) return `${error.rawMessage}; for this command: SWITCHYARD_API_KEY`
  return error.rawMessage
}

/** Why: the code of what the system or TLS said, else the first line of what was answered. */
function hintOf({ cause, rawMessage }: ConnectError): string {
  const { code } = typeof cause === 'object' && cause !== null ? (cause as { code?: unknown }) : {}
  return typeof code === 'string' ? code : (rawMessage.split('\n', 1)[0] ?? '')
}
