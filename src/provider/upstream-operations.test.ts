import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { SynthesizeRequestSchema } from '#gen/switchyard/v1/audio_pb.ts'
import { GenerateImagesRequestSchema } from '#gen/switchyard/v1/image_pb.ts'
import { GetVideoRequestSchema } from '#gen/switchyard/v1/video_pb.ts'
import { contextFor } from '../../test/suites/asking.ts'
import { geminiClient, openaiClient } from '../dialects/clients.ts'
import type { CallContext } from './contract.ts'
import { Secret } from './secret.ts'
import { upstreamProvider } from './upstream.ts'

const place = { baseUrl: 'http://upstream', chatPath: '/chat', headers: () => ({}) }
const openai = upstreamProvider({ dialect: openaiClient, options: openaiClient.defaults, ...place })
const gemini = upstreamProvider({ dialect: geminiClient, options: geminiClient.defaults, ...place })

type Ask = (context: CallContext) => Promise<unknown> | undefined

/** Each reads an answer in which an upstream may hide an error. */
const ways: Readonly<Record<string, Ask>> = {
  'about a video': (context) => openai.getVideo?.(create(GetVideoRequestSchema, { id: 'video_1' }), context),
  'with images': (context) =>
    openai.generateImages?.(create(GenerateImagesRequestSchema, { model: 'm', prompt: 'x' }), context),
  'with sound': async (context) => {
    const asked = create(SynthesizeRequestSchema, { model: 'm', input: 'x' })
    for await (const _step of gemini.synthesize?.(asked, context) ?? []) break
  },
}

test.each(Object.entries(ways))('an error in an answer %s does not quote the key', async (_what, ask) => {
  const key = 'looks-like-words'
  const text = JSON.stringify({ error: { message: `no videos are left for ${key} today`, code: 429 } })
  const send = async () => ({
    status: 200,
    header: () => undefined,
    text: async () => text,
    body: ReadableStream.from([]),
  })
  const egress = { send, sendGuarded: send, close: async () => {} }
  const context = contextFor({ egress, credential: { id: 'KEY', secret: new Secret(key) } })
  const error: unknown = await ask(context)?.catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ reason: 'rate_limited', message: expect.stringContaining('videos are left') as string })
  expect((error as Error).message).not.toContain(key)
})
