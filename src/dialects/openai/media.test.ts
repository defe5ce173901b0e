import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { SynthesizeRequestSchema } from '#gen/switchyard/v1/audio_pb.ts'
import { GenerateImagesRequestSchema } from '#gen/switchyard/v1/image_pb.ts'
import { images } from './image-client.ts'
import { speech } from './speech-client.ts'

const sourceOf = (body: object) => ({ dialect: 'openai', body: JSON.stringify(body) })
const json = (value: object) => ({ text: JSON.stringify(value), contentType: 'application/json' })
const spoken = (body: unknown): unknown => JSON.parse(String(body))

/* xAI's images have no `size` and no `style` ("not supported", in its own OpenAPI document), and pass both over in silence. */
const imageRefuses = ['size', 'style']
/* Groq's speech has no instructions: groq-typescript, src/resources/audio/speech.ts. */
const speechRefuses = ['instructions']

test("what a vendor of images has not is left out and named, in a client's own words as well as in others", () => {
  const asked = { prompt: 'a bird', size: '1024x1024', style: 'auto', quality: 'low' }
  const own = { model: 'alias', ...asked, aspect_ratio: '1:1' }
  const encode = (source?: ReturnType<typeof sourceOf>) =>
    images.encode(create(GenerateImagesRequestSchema, { model: 'm', ...asked, ...(source && { source }) }), {
      imageRefuses,
    })
  const [translated, passed] = [encode(), encode(sourceOf(own))]
  expect(spoken(translated.body)).toEqual({ model: 'm', prompt: 'a bird', quality: 'low' })
  expect(spoken(passed.body)).toEqual({ model: 'm', prompt: 'a bird', quality: 'low', aspect_ratio: '1:1' })
  expect([translated.dropped, passed.dropped]).toEqual([['size'], ['size']])
})

test("a client's own words go to others as they are", () => {
  const source = sourceOf({ model: 'm', prompt: 'a bird', size: '1024x1024' })
  const request = create(GenerateImagesRequestSchema, { model: 'm', prompt: 'a bird', source })
  expect(images.encode(request, {})).toMatchObject({ body: source.body, dropped: [], passThrough: true })
  expect(images.encode(request, { imageRefuses: ['style'] }).body).toBe(source.body)
})

test('a vendor that gives bytes alone is asked for no form, and links that only it could give are refused', () => {
  const source = sourceOf({ model: 'm', prompt: 'a bird', response_format: 'url' })
  const request = create(GenerateImagesRequestSchema, { model: 'm', prompt: 'a bird', source })
  const encoded = images.encode(request, { imageBytes: true })
  expect([spoken(encoded.body), encoded.dropped]).toEqual([{ model: 'm', prompt: 'a bird' }, []])
  expect(images.encode(request, {}).body).toBe(source.body)
  const linked = create(GenerateImagesRequestSchema, { model: 'm', prompt: 'a bird', responseFormat: 'url' })
  expect(() => images.encode(linked, { imageBytes: true })).toThrow('not as a url')
})

test('images that are all withheld are an error that is not tried again', () => {
  const encoded = images.encode(create(GenerateImagesRequestSchema, { model: 'm', prompt: 'x' }), {})
  expect(() => images.decode(json({ data: [{ url: '', respect_moderation: false }] }), encoded, {})).toThrow(
    expect.objectContaining({ reason: 'invalid_request', retryable: false }),
  )
  expect(() => images.decode(json({ data: [{}] }), encoded, {})).toThrow('no image')
})

test('what a vendor of speech has not is left out and named', () => {
  const asked = { model: 'm', input: 'Hello', voice: 'Ann', instructions: 'slowly' }
  const request = create(SynthesizeRequestSchema, asked)
  const own = create(SynthesizeRequestSchema, { ...asked, source: sourceOf({ ...asked, sample_rate: 48_000 }) })
  const rest = { model: 'm', input: 'Hello', voice: 'Ann' }
  expect(speech.encode(request, { speechRefuses })).toMatchObject({
    body: JSON.stringify(rest),
    dropped: ['instructions'],
  })
  const encoded = speech.encode(own, { speechRefuses })
  expect([spoken(encoded.body), encoded.dropped]).toEqual([{ ...rest, sample_rate: 48_000 }, ['instructions']])
})
