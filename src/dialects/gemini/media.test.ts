import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { SynthesizeRequestSchema } from '#gen/switchyard/v1/audio_pb.ts'
import { GenerateImagesRequestSchema } from '#gen/switchyard/v1/image_pb.ts'
import { soundOf } from '../../model/sound.ts'
import { geminiClient } from './client.ts'
import { images } from './image-client.ts'
import { speech } from './speech-client.ts'

const options = geminiClient.defaults
const vertex = { ...options, apiVersion: 'v1', modelPrefix: 'projects/p/locations/l/publishers/google/models/' }

const imagesOf = (fields: object) =>
  create(GenerateImagesRequestSchema, { model: 'imagen-4.0-generate-001', prompt: 'A robot', ...fields })
const speechOf = (fields: object) =>
  create(SynthesizeRequestSchema, { model: 'gemini-2.5-flash-preview-tts', input: 'Hello', ...fields })

const json = (value: object) => ({ text: JSON.stringify(value), contentType: 'application/json' })
const png = Buffer.from('\x89PNG', 'latin1').toString('base64')

function asked(fields: object, given = options) {
  const { path, body, dropped } = images.encode(imagesOf(fields), given)
  return { path, body: JSON.parse(String(body)) as Record<string, unknown>, dropped }
}

describe('Imagen', () => {
  test('is asked at its own path, for as many images as wanted, of a shape it has', () => {
    const fields = { n: 2, size: '1408x768', outputFormat: 'jpeg', outputCompression: 80 }
    expect(asked(fields)).toEqual({
      path: '/v1beta/models/imagen-4.0-generate-001:predict',
      body: {
        instances: [{ prompt: 'A robot' }],
        parameters: {
          sampleCount: 2,
          aspectRatio: '16:9',
          outputOptions: { mimeType: 'image/jpeg', compressionQuality: 80 },
          includeRaiReason: true,
        },
      },
      dropped: [],
    })
    expect(asked({}, vertex).path).toBe(
      '/v1/projects/p/locations/l/publishers/google/models/imagen-4.0-generate-001:predict',
    )
  })

  test.each([
    ['1024x1024', '1:1', []],
    ['512x512', '1:1', ['size']],
    ['1536x1024', '4:3', ['size']],
    ['9:16', '9:16', []],
    ['auto', undefined, []],
    ['huge', undefined, ['size']],
    ['0x0', undefined, ['size']],
  ])('takes the nearest shape, and says where the size is another: %s', (size, aspectRatio, dropped) => {
    const found = asked({ size })
    expect([(found.body['parameters'] as object as { aspectRatio?: string }).aspectRatio, found.dropped]).toEqual([
      aspectRatio,
      dropped,
    ])
  })

  test('names what it has no field for, and has no links', () => {
    const fields = { quality: 'hd', style: 'vivid', background: 'transparent', user: 'u', outputFormat: 'webp' }
    expect(asked(fields).dropped).toEqual(['quality', 'style', 'background', 'output_format', 'user'])
    expect(() => asked({ responseFormat: 'url' })).toThrow(/response_format|url/)
    expect(() => asked({ model: 'imagen/../../x' })).toThrow('no model name')
  })

  test('that withholds every image is an error with its reason, which is not tried again', () => {
    const answer = json({ predictions: [{ raiFilteredReason: 'Unable to show it. Support codes: 1' }] })
    const encoded = images.encode(imagesOf({}), options)
    expect(() => images.decode(answer, encoded, options)).toThrow(
      expect.objectContaining({
        reason: 'invalid_request',
        retryable: false,
        message: expect.stringContaining('codes: 1'),
      }),
    )
    expect(() => images.decode(json({}), encoded, options)).toThrow('no image')
    expect(() => images.decode(json({ error: { code: 429, message: 'slow' } }), encoded, options)).toThrow(
      expect.objectContaining({ reason: 'rate_limited' }),
    )
  })
})

describe("Gemini's image models", () => {
  const model = 'gemini-2.5-flash-image'

  test('are asked once for each image, in a chat', () => {
    const parts = images.split?.(imagesOf({ model, n: 3 }), options) ?? []
    expect(parts.map(({ n }) => n)).toEqual([1, 1, 1])
    expect(() => images.split?.(imagesOf({ model, n: 11 }), options)).toThrow('at most 10')
    expect(asked({ model, size: '1248x832', outputFormat: 'png' })).toEqual({
      path: '/v1beta/models/gemini-2.5-flash-image:generateContent',
      body: {
        contents: [{ role: 'user', parts: [{ text: 'A robot' }] }],
        generationConfig: { responseModalities: ['TEXT', 'IMAGE'], imageConfig: { aspectRatio: '3:2' } },
      },
      dropped: [],
    })
  })

  // Resolutions of Gemini 3's images by their names, as js-genai writes them: ImageConfig.imageSize.
  test.each([
    ['1024x1024', { aspectRatio: '1:1' }, []],
    ['2048x2048', { aspectRatio: '1:1', imageSize: '2K' }, []],
    ['4096x4096', { aspectRatio: '1:1', imageSize: '4K' }, []],
    ['1248x832', { aspectRatio: '3:2' }, ['size']],
    ['3840x2160', { aspectRatio: '16:9', imageSize: '2K' }, ['size']],
    ['512x512', { aspectRatio: '1:1' }, ['size']],
    ['21:9', { aspectRatio: '21:9' }, []],
    ['auto', undefined, []],
  ])('after version 2.5 have a resolution as well: %s', (size, imageConfig, dropped) => {
    const { body, dropped: named } = asked({ model: 'gemini-3-pro-image', size })
    expect((body['generationConfig'] as { imageConfig?: object }).imageConfig).toEqual(imageConfig)
    expect(named).toEqual(dropped)
  })

  test('answer with images among their words, and with what they wrote', () => {
    const encoded = images.encode(imagesOf({ model }), options)
    const answer = json({
      candidates: [
        {
          content: {
            parts: [
              { text: 'Here:' },
              { inlineData: { mimeType: 'image/png', data: 'aGlkZGVu' }, thought: true },
              { inlineData: { mimeType: 'image/png', data: png } },
            ],
          },
          finishReason: 'STOP',
        },
      ],
      usageMetadata: {
        promptTokenCount: 3,
        candidatesTokenCount: 1300,
        candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1290 }],
      },
    })
    const one = images.decode(answer, encoded, options)
    const both = images.join?.([one, one])
    expect(both?.images.map(({ image }) => [image?.mediaType, image?.source.value])).toEqual(
      [0, 1].map(() => ['image/png', new Uint8Array(Buffer.from(png, 'base64'))]),
    )
    expect(both?.usage).toMatchObject({ inputTokens: 6, outputTokens: 2600, imageOutputTokens: 2580 })
  })

  test.each([
    [{ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } }, 'PROHIBITED_CONTENT'],
    [{ candidates: [{ finishReason: 'IMAGE_SAFETY' }] }, 'IMAGE_SAFETY'],
    [{ candidates: [{ content: { parts: [{ text: 'I cannot' }] }, finishReason: 'STOP' }] }, 'no image'],
    [[], 'could not be read'],
  ])('that give no image are an error: %j', (answer, words) => {
    expect(() => images.decode(json(answer), images.encode(imagesOf({ model }), options), options)).toThrow(words)
  })
})

describe("Gemini's voices", () => {
  test('are asked in a chat to be answered with sound', () => {
    const { path, body, dropped } = speech.encode(
      speechOf({ voice: 'Kore', speed: 1.5, instructions: 'Cheer' }),
      options,
    )
    expect(path).toBe('/v1beta/models/gemini-2.5-flash-preview-tts:generateContent')
    expect(JSON.parse(String(body))).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Hello' }] }],
      generationConfig: {
        responseModalities: ['AUDIO'],
        speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Kore' } } },
      },
    })
    expect(dropped).toEqual(['speed', 'instructions'])
    expect(speech.encode(speechOf({ speed: 1 }), options).dropped).toEqual([])
  })

  test.each(['mp3', 'opus', 'aac', 'flac'])('have no %s', (format) => {
    expect(() => speech.encode(speechOf({ format }), options)).toThrow(
      expect.objectContaining({ reason: 'unsupported_field', details: { param: 'response_format' } }),
    )
  })

  const samples = Buffer.from([1, 2, 3, 4])
  const answer = (mimeType: string) =>
    json({
      candidates: [
        { content: { parts: [{ inlineData: { mimeType, data: samples.toString('base64') } }] }, finishReason: 'STOP' },
      ],
      usageMetadata: { promptTokenCount: 2, candidatesTokenCount: 40, totalTokenCount: 42 },
    })

  test('give samples, which become a WAV file of their rate', () => {
    const told = speech.decode?.(answer('audio/L16;codec=pcm;rate=16000'), speechOf({}))
    expect(told?.mediaType).toBe('audio/wav')
    expect(soundOf(told?.audio ?? new Uint8Array()).seconds).toBeCloseTo(2 / 16_000)
    expect(told?.audio.subarray(44)).toEqual(samples)
    expect(told?.usage).toMatchObject({ inputTokens: 2, outputTokens: 40, audioOutputTokens: 40 })
  })

  test('give samples as they are where those are wanted, and other sound as what it is', () => {
    const pcm = speech.decode?.(answer('audio/L16;codec=pcm;rate=24000'), speechOf({ format: 'pcm' }))
    expect([pcm?.mediaType, pcm?.audio]).toEqual(['audio/pcm;rate=24000', samples])
    expect(speech.decode?.(answer('audio/ogg'), speechOf({}))?.mediaType).toBe('audio/ogg')
  })

  test('that say nothing are an error', () => {
    expect(() => speech.decode?.(json({ candidates: [{ finishReason: 'OTHER' }] }), speechOf({}))).toThrow('no sound')
    expect(() => speech.decode?.(json({ promptFeedback: { blockReason: 'SAFETY' } }), speechOf({}))).toThrow('SAFETY')
  })
})
