import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { CreateVideoRequestSchema, JobStatus } from '#gen/switchyard/v1/video_pb.ts'
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

test('bytes within an answer are of the type it tells', () => {
  expect(readSample({ encodedVideo: 'AAAA', encoding: 'video/webm' })).toMatchObject({
    status: JobStatus.COMPLETED,
    files: [{ url: 'data:video/webm;base64,AAAA', mediaType: 'video/webm' }],
  })
  expect(readSample({ uri: 'https://a.example/v' }).files).toMatchObject([{ mediaType: 'video/mp4' }])
})
