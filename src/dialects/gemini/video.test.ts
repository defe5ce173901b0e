import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { CreateVideoRequestSchema, JobStatus } from '#gen/switchyard/v1/video_pb.ts'
import { video as openaiVideo } from '../openai/video-client.ts'
import { geminiClient } from './client.ts'
import { video } from './video-client.ts'

/* Shapes as Google's own SDK writes and reads them: googleapis/js-genai, src/converters/_operations_converters.ts. */

const options = geminiClient.defaults
const parametersOf = (fields: object): unknown => {
  const { body } = video.encode(create(CreateVideoRequestSchema, { model: 'veo-3', prompt: 'x', ...fields }), options)
  return (JSON.parse(String(body)) as { parameters: unknown }).parameters
}
const readSample = (sample: object) => {
  const response = { generateVideoResponse: { generatedSamples: [{ video: sample }] } }
  const text = JSON.stringify({ name: 'models/veo-3/operations/o', done: true, response })
  return video.decodeGet({ text, contentType: 'application/json' }, 'models/veo-3/operations/o', options)
}

test.each([
  [{}, { durationSeconds: 8 }],
  [
    { seconds: 4, size: '720x1280' },
    { aspectRatio: '9:16', durationSeconds: 4 },
  ],
  [
    { seconds: 8, size: '1920x1080' },
    { aspectRatio: '16:9', resolution: '1080p', durationSeconds: 8 },
  ],
])('a resolution is only named where it is not the usual one, and a length always: %j', (fields, parameters) => {
  expect(parametersOf(fields)).toEqual(parameters)
})

test('a first frame is of the type that its bytes tell, else of the one it is called', () => {
  const mimeOf = (value: Buffer, mediaType: string): unknown => {
    const firstFrame = { source: { case: 'data' as const, value }, mediaType }
    const request = create(CreateVideoRequestSchema, { model: 'veo-3', prompt: 'x', firstFrame })
    const { instances } = JSON.parse(String(video.encode(request, options).body)) as { instances: { image: object }[] }
    const { body } = openaiVideo.encode(request, {})
    const { input_reference: reference } = JSON.parse(String(body)) as { input_reference: { image_url: string } }
    return [instances[0]?.image, reference.image_url.slice(0, 16)]
  }
  const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0])
  const asJpeg = { bytesBase64Encoded: jpeg.toString('base64'), mimeType: 'image/jpeg' }
  expect(mimeOf(jpeg, '')).toEqual([asJpeg, 'data:image/jpeg;'])
  expect(mimeOf(Buffer.from('??'), 'image/webp')).toMatchObject([{ mimeType: 'image/webp' }, 'data:image/webp;'])
  expect(mimeOf(Buffer.from('??'), '')).toMatchObject([{ mimeType: 'image/png' }, 'data:image/png;b'])
})

test('bytes within an answer are of the type it tells', () => {
  expect(readSample({ encodedVideo: 'AAAA', encoding: 'video/webm' })).toMatchObject({
    status: JobStatus.COMPLETED,
    files: [{ url: 'data:video/webm;base64,AAAA', mediaType: 'video/webm' }],
  })
  expect(readSample({ uri: 'https://a.example/v' }).files).toMatchObject([{ mediaType: 'video/mp4' }])
})
