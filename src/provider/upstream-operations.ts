import type { GenerateEvent, GenerateRequest } from '#gen/switchyard/v1/text_pb.ts'
import type { EncodedCall, SpeechDialect, TextDialect, WholeDialect } from '../dialects/client-operations.ts'
import type { OperationName, Operations } from '../dialects/operation.ts'
import { problemOf, upstreamError } from '../dialects/upstream.ts'
import { fail, type GatewayError } from '../error/index.ts'
import { completionEvents } from '../model/generated.ts'
import { conceal, secretsOf } from './conceal.ts'
import type { CallContext, Provider, SynthesizeEventInit } from './contract.ts'
import type { UpstreamResponse } from './egress.ts'
import { readAnswer } from './upstream-answer.ts'
import { answerOf, idOf, post, reading, refuseDropped, requireSuccess, type Upstream } from './upstream-http.ts'
import { infer } from './upstream-infer.ts'
import { cancelVideo, downloadVideo, getVideo } from './upstream-video.ts'

/** What an upstream can be asked beside chats, as its format knows it. */
export function otherOperations<Options>(upstream: Upstream<Options>): Provider {
  const { generic } = upstream
  const { generate, embed, generateImages, transcribe, synthesize, video } = upstream.dialect.operations ?? {}
  return {
    ...(generate && { generate: (request, context) => complete(upstream, generate, request, context) }),
    ...(embed && { embed: (request, context) => whole(upstream, embed, request, context) }),
    ...(generateImages && {
      generateImages: (request, context) => whole(upstream, generateImages, request, context),
    }),
    ...(transcribe && { transcribe: (request, context) => whole(upstream, transcribe, request, context) }),
    ...(synthesize && { synthesize: (request, context) => speak(upstream, synthesize, request, context) }),
    ...(video && {
      createVideo: (request, context) => whole<'create_video', Options>(upstream, video, request, context),
      getVideo: ({ id }, context) => getVideo(upstream, video, id, context),
      ...(video.encodeCancel !== undefined && {
        cancelVideo: ({ id }, context) => cancelVideo(upstream, video, id, context),
      }),
      downloadVideo: ({ id }, context) => downloadVideo(upstream, video, id, context),
    }),
    ...(generic !== undefined && { infer: (request, context) => infer(upstream, generic, request, context) }),
  }
}

/** Asks for a raw completion. Throws `unsupported_operation` for a model that only chats. */
async function* complete<Options>(
  upstream: Upstream<Options>,
  text: TextDialect<Options>,
  request: GenerateRequest,
  context: CallContext,
): AsyncGenerator<readonly GenerateEvent[], void, void> {
  const { dialect, options } = upstream
  if (!text.serves(request.model, options)) throw fail('unsupported_operation', 'this model only chats')
  const { path, body, headers, ...encoded } = text.encode(request, context.streaming, options)
  refuseDropped(request, encoded.dropped)
  const accept = context.streaming ? 'text/event-stream' : 'application/json'
  const placed = upstream.operationPath?.(path, request.model) ?? path
  const response = await post(upstream, placed, body, { accept, ...headers }, context)
  const answer = readAnswer(dialect, response, context, encoded.passThrough, (passThrough, upstreamRequestId) =>
    text.decode({ ...encoded, path, passThrough }, options, upstreamRequestId),
  )
  for await (const events of answer) yield completionEvents(events)
}

/** Asks for an answer that comes at once; one that is too much for the upstream is asked for in parts, which are joined in order. */
async function whole<Name extends OperationName, Options>(
  upstream: Upstream<Options>,
  dialect: WholeDialect<Name, Options>,
  request: Operations[Name]['request'],
  context: CallContext,
): Promise<Operations[Name]['response']> {
  const parts = dialect.split?.(request, upstream.options) ?? [request]
  const answers: Operations[Name]['response'][] = []
  for (const part of parts) {
    const answer = await wholePart(upstream, dialect, part, context)
    answers.push(answer)
    if (parts.length > 1 && 'usage' in answer && answer.usage !== undefined) context.consumed?.(answer.usage)
  }
  const [only] = answers
  if (only !== undefined && answers.length === 1) return only
  return dialect.join?.(answers) ?? fault('the parts of the answer do not make one')
}

async function wholePart<Name extends OperationName, Options>(
  upstream: Upstream<Options>,
  dialect: WholeDialect<Name, Options>,
  request: Operations[Name]['request'],
  context: CallContext,
): Promise<Operations[Name]['response']> {
  const encoded = dialect.encode(request, upstream.options)
  refuseDropped(request, encoded.dropped)
  const response = await ask(upstream, request.model, encoded, 'application/json', context)
  const answer = await reading(context, async () => dialect.decode(await answerOf(response), encoded, upstream.options))
  if ('upstreamRequestId' in answer && answer.upstreamRequestId === '')
    answer.upstreamRequestId = idOf(response, secretsOf([context.credential]))
  return answer
}

/** Sends the question. Throws what an answer that is no success means. */
async function ask<Options>(
  upstream: Upstream<Options>,
  model: string,
  { path, body, headers }: EncodedCall,
  accept: string,
  context: CallContext,
): Promise<UpstreamResponse> {
  const placed = upstream.operationPath?.(path, model) ?? path
  const response = await post(upstream, placed, body, { accept, ...headers }, context)
  await requireSuccess(upstream, response, context)
  return response
}

function fault(message: string): never {
  throw fail('provider_error', message)
}

/** Asks for speech, and passes the sound on as it comes. */
async function* speak<Options>(
  upstream: Upstream<Options>,
  dialect: SpeechDialect<Options>,
  request: Operations['synthesize']['request'],
  context: CallContext,
): AsyncGenerator<SynthesizeEventInit, void, void> {
  const encoded = dialect.encode(request, upstream.options)
  refuseDropped(request, encoded.dropped)
  const response = await ask(upstream, request.model, encoded, '*/*', context)
  const started = {
    model: request.model,
    dropped: [...encoded.dropped],
    upstreamRequestId: idOf(response, secretsOf([context.credential])),
  }
  const { decode } = dialect
  if (decode !== undefined) {
    const { audio, mediaType, usage } = await reading(context, async () => decode(await answerOf(response), request))
    yield { event: { case: 'started', value: { ...started, mediaType } } }
    yield { event: { case: 'audio', value: audio } }
    if (usage !== undefined) yield { event: { case: 'usage', value: usage } }
    return
  }
  const mediaType = response.header('content-type') ?? ''
  if (isText(mediaType)) throw conceal(secretsOf([context.credential]), await errorInstead(response))
  yield { event: { case: 'started', value: { ...started, mediaType } } }
  for await (const bytes of response.body) yield { event: { case: 'audio', value: bytes } }
}

function isText(mediaType: string): boolean {
  return /^(?:text\/|application\/(?:[\w.-]+\+)?json\b)/i.test(mediaType)
}

/** What a success means that is a text and no sound: the error in it. */
async function errorInstead(response: UpstreamResponse): Promise<GatewayError> {
  const text = await response.text(1024 * 1024)
  try {
    return upstreamError(problemOf(JSON.parse(text)))
  } catch {
    return fail('provider_error', "the provider's answer is no sound")
  }
}
