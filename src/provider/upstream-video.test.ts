import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { GetVideoRequestSchema } from '#gen/switchyard/v1/video_pb.ts'
import { contextFor } from '../../test/suites/asking.ts'
import { openaiClient } from '../dialects/clients.ts'
import { Secret } from './secret.ts'
import { upstreamProvider } from './upstream.ts'

const provider = upstreamProvider({
  dialect: openaiClient,
  options: openaiClient.defaults,
  baseUrl: 'http://upstream',
  chatPath: '/chat',
  headers: () => ({}),
})

test('an error in the answer about a video does not quote the key', async () => {
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
  const look = provider.getVideo?.(create(GetVideoRequestSchema, { id: 'video_1' }), context)
  const error: unknown = await look?.catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ reason: 'rate_limited', message: expect.stringContaining('videos are left') as string })
  expect(String((error as Error).message)).not.toContain(key)
})
