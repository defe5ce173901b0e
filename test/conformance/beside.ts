import { create } from '@bufbuild/protobuf'
import { SynthesizeRequestSchema, TranscribeRequestSchema } from '#gen/switchyard/v1/audio_pb.ts'
import { EmbedRequestSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import { GenerateImagesRequestSchema } from '#gen/switchyard/v1/image_pb.ts'
import { InferRequestSchema } from '#gen/switchyard/v1/infer_pb.ts'
import { GenerateRequestSchema } from '#gen/switchyard/v1/text_pb.ts'
import { CreateVideoRequestSchema } from '#gen/switchyard/v1/video_pb.ts'
import type { CallContext, Provider } from '#provider'
import type { WireCase } from '../wire/case.ts'
import { isChecked } from '../wire/endpoints/index.ts'
import { egressTo, jsonAnswer } from './exchange.ts'
import { open, surroundingsOf, type Way } from './ways.ts'

/** Something that a vendor may have beside chats. */
export interface Beside {
  /** The head of its column. */
  readonly name: string
  /** The end of its path at vendors. */
  readonly path: RegExp
  /** Asks for it; undefined where the provider has it not. */
  readonly ask: (
    provider: Provider,
    model: string,
    context: CallContext,
  ) => AsyncIterable<unknown> | Promise<unknown> | undefined
}

/** What vendors have beside chats, as far as this gateway asks for it. */
export const besides: readonly Beside[] = [
  {
    name: 'raw text',
    path: /(?<!\/chat)\/completions$/,
    ask: (provider, model, context) =>
      provider.generate?.(
        create(GenerateRequestSchema, { model, prompts: [{ kind: { case: 'text', value: 'Hi' } }] }),
        context,
      ),
  },
  {
    name: 'embeddings',
    path: /\/(?:embeddings|embed)$|:(?:embedContent|batchEmbedContents)$/,
    ask: (provider, model, context) =>
      provider.embed?.(
        create(EmbedRequestSchema, { model, inputs: [{ kind: { case: 'text', value: 'Hi' } }] }),
        context,
      ),
  },
  {
    name: 'images',
    path: /\/images\/generations$|\/imagen[^/]*:predict$/,
    ask: (provider, model, context) =>
      provider.generateImages?.(create(GenerateImagesRequestSchema, { model, prompt: 'A square' }), context),
  },
  {
    name: 'speech',
    path: /\/audio\/speech$/,
    ask: (provider, model, context) =>
      provider.synthesize?.(create(SynthesizeRequestSchema, { model, input: 'Hi', voice: 'alloy' }), context),
  },
  {
    name: 'transcripts',
    path: /\/audio\/(?:transcriptions|translations)$/,
    ask: (provider, model, context) =>
      provider.transcribe?.(create(TranscribeRequestSchema, { model, audio: new Uint8Array([1]) }), context),
  },
  {
    name: 'videos',
    path: /\/videos(?:\/generations)?$|:predictLongRunning$/,
    ask: (provider, model, context) =>
      provider.createVideo?.(create(CreateVideoRequestSchema, { model, prompt: 'Hi' }), context),
  },
  {
    name: 'ranked documents',
    path: /\/rerank$/,
    ask: (provider, model, context) => {
      const args = { query: 'Hi', documents: ['Ho'] }
      return provider.infer?.(create(InferRequestSchema, { model, operation: 'rerank', args }), context)
    },
  },
  {
    name: 'moderations',
    path: /\/moderations$/,
    ask: (provider, model, context) => {
      const args = { input: 'Hi' }
      return provider.infer?.(create(InferRequestSchema, { model, operation: 'moderations', args }), context)
    },
  },
]

/** How a plugin asks for something: in the vendor's own way, in a chat, or not at all. Found by asking. */
export type Asked = 'own' | 'chat' | undefined

/** Names of models that vendors have who serve some of them otherwise than others. */
const served = ['model', 'gpt-3.5-turbo-instruct']

/** How something beside chats is asked for in this way, of any model. The gateway has raw text of the others in a chat. */
export async function askedBeside(beside: Beside, way: Way): Promise<Asked> {
  let isAsked = false
  const egress = egressTo(async () => {
    isAsked = true
    return jsonAnswer(404, '{}')
  })
  const provider = await open(way, egress)
  const signal = AbortSignal.timeout(30_000)
  const context: CallContext = { ...surroundingsOf(egress), signal, streaming: false, requestId: 'r' }
  for (const model of served) {
    try {
      const answer = beside.ask(provider, way.prefix + model, context)
      if (answer !== undefined && Symbol.asyncIterator in answer) for await (const _event of answer);
      else await answer
    } catch {
      // Nobody answered, and nobody was to: what was asked is all that counts.
    }
    if (isAsked) return 'own'
  }
  return beside.name === 'raw text' && provider.chat !== undefined ? 'chat' : undefined
}

/** Whether a recording is of this, and checked. */
export function isBeside({ path }: Beside, wireCase: WireCase): boolean {
  const [asked = ''] = (wireCase.request?.path ?? '').split('?')
  return asked !== '' && path.test(asked.replace(/\/+$/, '')) && isChecked(wireCase)
}
