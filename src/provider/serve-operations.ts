import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect'
import { SynthesizeEventSchema } from '#gen/switchyard/v1/audio_pb.ts'
import { InferEventSchema } from '#gen/switchyard/v1/infer_pb.ts'
import type { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { GenerateEventSchema } from '#gen/switchyard/v1/text_pb.ts'
import { DownloadVideoResponseSchema } from '#gen/switchyard/v1/video_pb.ts'
import { GenerateFold } from '../model/generated.ts'
import { InferFold } from '../model/inferred.ts'
import { completeSteps } from './complete.ts'
import type { CallContext, Provider } from './contract.ts'

/** How a provider's methods are called for an RPC: with the context made for it, and its errors made the RPC's. */
export interface Serving {
  readonly context: (handler: HandlerContext, streaming: boolean) => CallContext
  /** What the provider threw as an RPC error. */
  readonly error: (thrown: unknown, call: CallContext) => Error
}

/** The methods of the contract beside chat that a provider has. */
export function otherMethods(provider: Provider, serving: Serving): Partial<ServiceImpl<typeof InferenceService>> {
  const once = onceOf(serving)
  const events = eventsOf(serving)
  const methods: Partial<ServiceImpl<typeof InferenceService>> = {}
  if (provider.countTokens) methods.countTokens = once(provider.countTokens.bind(provider))
  if (provider.embed) methods.embed = once(provider.embed.bind(provider))
  if (provider.generateImages) methods.generateImages = once(provider.generateImages.bind(provider))
  if (provider.transcribe) methods.transcribe = once(provider.transcribe.bind(provider))
  if (provider.createVideo) methods.createVideo = once(provider.createVideo.bind(provider))
  if (provider.getVideo) methods.getVideo = once(provider.getVideo.bind(provider))
  if (provider.cancelVideo) methods.cancelVideo = once(provider.cancelVideo.bind(provider))
  if (provider.downloadVideo)
    methods.downloadVideo = events(DownloadVideoResponseSchema, provider.downloadVideo.bind(provider), true)
  if (provider.synthesize) methods.synthesize = events(SynthesizeEventSchema, provider.synthesize.bind(provider), true)
  if (provider.generate) {
    const generate = provider.generate.bind(provider)
    const whole = events(GenerateEventSchema, generate, false)
    methods.streamGenerate = events(GenerateEventSchema, generate, true)
    methods.generate = async (request, handler) => {
      const fold = new GenerateFold()
      for await (const event of whole(request, handler)) fold.add([event])
      return fold.response()
    }
  }
  if (provider.infer) {
    const infer = provider.infer.bind(provider)
    const whole = events(InferEventSchema, infer, false)
    methods.streamInfer = events(InferEventSchema, infer, true)
    methods.infer = async (request, handler) => {
      const fold = new InferFold()
      for await (const event of whole(request, handler)) fold.add([event])
      return fold.response()
    }
  }
  return methods
}

/** Serves a method that answers at once. */
function onceOf({ context, error }: Serving) {
  return <Request, Answer>(method: (request: Request, call: CallContext) => Promise<Answer>) =>
    async (request: Request, handler: HandlerContext): Promise<Answer> => {
      const call = context(handler, false)
      try {
        return await method(request, call)
      } catch (thrown) {
        throw error(thrown, call)
      }
    }
}

/** Serves a method that yields events, singly or in batches. */
function eventsOf({ context, error }: Serving) {
  return <Request, Schema extends DescMessage>(
    schema: Schema,
    method: (request: Request, call: CallContext) => AsyncIterable<unknown>,
    streaming: boolean,
  ) =>
    async function* served(
      request: Request,
      handler: HandlerContext,
    ): AsyncGenerator<MessageShape<Schema>, void, void> {
      const call = context(handler, streaming)
      try {
        for await (const step of method(request, call)) yield* completeSteps(schema, step)
      } catch (thrown) {
        throw error(thrown, call)
      }
    }
}
