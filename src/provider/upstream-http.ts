import type { ClientDialect } from '../dialects/contract.ts'
import { fail, GatewayError } from '../error/index.ts'
import type { UpstreamAnswer } from '../dialects/client-operations.ts'
import { conceal, concealId, secretsOf } from './conceal.ts'
import type { CallContext, Credential } from './contract.ts'
import type { UpstreamResponse } from './egress.ts'
import type { GenericEndpoint } from './generic-endpoint.ts'
import type { Secret } from './secret.ts'

/** An HTTP API behind a provider: its format, its address, and how it wants to be shown the key. */
export interface Upstream<Options> {
  readonly dialect: ClientDialect<Options>
  readonly options: Options
  /** Without a trailing slash. */
  readonly baseUrl: string
  /** Path of the chat endpoint below the base URL, for requests that do not bring their own. */
  readonly chatPath: string
  /** Where the vendor has the operations beside chat, given their usual path and the model; there, unless said otherwise. */
  readonly operationPath?: (path: string, model: string) => string
  /** Path of the list of models below the base URL, where it is not the format's own; false where the vendor has none. */
  readonly modelsPath?: string | false
  /** Endpoints that the contract has no message for; a request is never sent to any other path. */
  readonly generic?: readonly GenericEndpoint[]
  /** Headers of every request, the credential among them; made for each, since some vendors want the whole request signed. */
  readonly headers: (
    credential: Credential | undefined,
    outgoing: Outgoing,
  ) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
}

/** A request that is about to leave, as those who sign it see it. */
export interface Outgoing {
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly url: string
  /** Empty where it is no text, as of a form: nobody signs that. */
  readonly body: string
}

/** Where upstreams tell their own id of a call, the usual places first. */
const requestIdHeaders = ['x-request-id', 'request-id', 'x-amzn-requestid', 'x-debug-trace-id']

/** The upstream's own id of the call. */
export function idOf(response: UpstreamResponse, secrets: readonly Secret[]): string {
  const id = requestIdHeaders.map((name) => response.header(name)).find((value) => value !== undefined) ?? ''
  return concealId(secrets, id)
}

/** Text, or a body in pieces that is none. */
type UpstreamBody = string | readonly Uint8Array[]

/** A request with a body, as most are. */
export function post<Options>(
  upstream: Upstream<Options>,
  path: string,
  body: UpstreamBody,
  own: Readonly<Record<string, string>>,
  context: CallContext,
): Promise<UpstreamResponse> {
  return send(upstream, { method: 'POST', path, body }, { 'content-type': 'application/json', ...own }, context)
}

/** One request to the upstream, with the headers of every request and the credential. */
export async function send<Options>(
  { baseUrl, headers }: Upstream<Options>,
  { method, path, body }: Pick<Outgoing, 'method'> & { readonly path: string; readonly body: UpstreamBody },
  own: Readonly<Record<string, string>>,
  context: CallContext,
): Promise<UpstreamResponse> {
  const outgoing: Outgoing = { method, url: baseUrl + path, body: typeof body === 'string' ? body : '' }
  return context.egress.send({
    method,
    url: outgoing.url,
    ...(method === 'POST' && (typeof body === 'string' ? { body } : { pieces: body })),
    headers: {
      'x-request-id': context.requestId,
      ...context.trace,
      ...own,
      ...(await headers(context.credential, outgoing)),
    },
    signal: context.signal,
    received: context.received,
  })
}

/** In strict mode a field that cannot be carried is refused before anything is sent. */
export function refuseDropped(request: { readonly strict: boolean }, dropped: readonly string[]): void {
  if (!request.strict || dropped.length === 0) return
  const [first] = dropped
  throw fail('unsupported_field', `the provider of this model cannot carry: ${dropped.join(', ')}`, {
    ...(first !== undefined && { param: first }),
  })
}

/** What an answer that is no success means to the caller. */
export async function failureOf<Options>(
  dialect: ClientDialect<Options>,
  response: UpstreamResponse,
): Promise<GatewayError> {
  const text = await response.text(1024 * 1024).catch(() => '')
  return dialect.decodeError({ status: response.status, header: (name) => response.header(name), text })
}

/** Throws what an answer that is no success means. */
export async function requireSuccess<Options>(
  { dialect }: Pick<Upstream<Options>, 'dialect'>,
  response: UpstreamResponse,
  { credential }: CallContext,
): Promise<void> {
  if (response.status >= 200 && response.status <= 299) return
  throw conceal(secretsOf([credential]), await failureOf(dialect, response))
}

/** What is read of an answer. The errors of that are thrown with the key gone from them. */
export async function reading<Read>({ credential }: CallContext, read: () => Read | Promise<Read>): Promise<Read> {
  try {
    return await read()
  } catch (error) {
    throw error instanceof GatewayError ? conceal(secretsOf([credential]), error) : error
  }
}

/** Characters of a whole answer: two thousand long vectors, or ten large images. */
const largestAnswer = 128 * 1024 * 1024

/** A whole answer. Throws `provider_error` for one that is too large. */
export async function answerOf(response: UpstreamResponse): Promise<UpstreamAnswer> {
  return { text: await response.text(largestAnswer), contentType: response.header('content-type') ?? '' }
}
