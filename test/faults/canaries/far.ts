import { once } from 'node:events'
import { createServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import type { Words } from './upstream.ts'

/** A remote provider that cannot keep a secret: whatever it is asked, it tells the key that it was shown. */
export interface FarProvider {
  readonly url: string
  /** The keys that it was shown. */
  readonly received: () => string
  close(): Promise<void>
}

/** Codes by the name of the model that is asked for; another one is answered. */
const failures: Readonly<Record<string, Code>> = {
  '400': Code.InvalidArgument,
  '401': Code.Unauthenticated,
  '404': Code.NotFound,
  '429': Code.ResourceExhausted,
  '500': Code.Internal,
  '503': Code.Unavailable,
  garbage: Code.Unknown,
}

type Refusal = (request: { readonly model: string }, context: HandlerContext) => ConnectError

/** Everything beside chats is refused. */
function refusing(refusal: Refusal) {
  const refuse = (request: { readonly model: string }, context: HandlerContext): never => {
    throw refusal(request, context)
  }
  return {
    generate: refuse,
    embed: refuse,
    generateImages: refuse,
    transcribe: refuse,
    createVideo: refuse,
    infer: refuse,
    // oxlint-disable-next-line require-yield
    async *synthesize(request: { readonly model: string }, context: HandlerContext) {
      throw refusal(request, context)
    },
  }
}

/** Starts it on a free port of 127.0.0.1. */
export async function startFarProvider({ prompt, answer }: Words): Promise<FarProvider> {
  const received: string[] = []
  const keyOf = ({ requestHeader }: HandlerContext): string => {
    const key = requestHeader.get('authorization') ?? ''
    received.push(key)
    return key
  }
  const failure = (code: Code, context: HandlerContext): ConnectError => {
    const key = keyOf(context)
    const message = `${key} may not ask "${prompt}", nor hear "${answer}"`
    const value = { reason: 'invalid_request', domain: 'switchyard', metadata: { param: key, timer: key } }
    return new ConnectError(message, code, { 'x-request-id': key }, [{ desc: ErrorInfoSchema, value }])
  }
  const delta = { event: { case: 'textDelta' as const, value: { text: answer } } }
  const handler = connectNodeAdapter({
    routes(router) {
      router.service(InferenceService, {
        chat({ model }: ChatRequest, context) {
          const code = failures[model]
          if (code !== undefined) throw failure(code, context)
          context.responseHeader.set('x-request-id', keyOf(context))
          return { choices: [{ message: { parts: [{ kind: { case: 'text', value: { text: answer } } }] } }] }
        },
        async *streamChat({ model }: ChatRequest, context) {
          const upstreamRequestId = keyOf(context)
          yield { event: { case: 'started' as const, value: { id: 'far', model, upstreamRequestId } } }
          yield delta
          throw failure(failures[model] ?? Code.Internal, context)
        },
        countTokens(_request, context) {
          throw failure(Code.Internal, context)
        },
        ...refusing(({ model }, context) => failure(failures[model] ?? Code.Internal, context)),
        listModels(_request, context) {
          throw new ConnectError(`no models for ${keyOf(context)}`, Code.Unauthenticated)
        },
      })
    },
  })
  const sessions = new Set<ServerHttp2Session>()
  const server = createServer(handler).on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: () => received.join('\n'),
    async close() {
      for (const session of sessions) session.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
