import { inflateSync } from 'node:zlib'
import { BadRequestError, RateLimitError } from 'openai'
import { describe, expect, test } from 'vitest'
import { soundOf } from '../../src/model/sound.ts'
import { ask } from '../faults/client.ts'
import { pieces, status } from '../faults/upstream.ts'
import { askJson, openaiSdk, sharedGateway } from './gateway.ts'

const gateway = await sharedGateway({ config: { aliases: { 'gpt-image-1': ['up/gpt-image-1'] } } })
const client = openaiSdk(gateway)

const prompt = 'A red square'
const picture = Buffer.from('\x89PNG and so on', 'latin1').toString('base64')
const made = {
  created: 1_700_000_000,
  background: 'opaque',
  data: [{ b64_json: picture }],
  output_format: 'png',
  quality: 'low',
  size: '1024x1024',
  x_vendor: 'kept',
  usage: {
    input_tokens: 10,
    input_tokens_details: { image_tokens: 0, text_tokens: 10 },
    output_tokens: 272,
    total_tokens: 282,
  },
}
const linked = { created: 1_700_000_000, data: [{ url: 'https://img.example/1.png?sig=x', revised_prompt: 'Red' }] }
gateway.upstream.answer('gpt-image-1', status(200, made))
gateway.upstream.answer('dall-e-3', status(200, linked))

/** The width and height of a PNG file, and how many bytes its pixels are. */
function readPng(base64: string | undefined): { width: number; height: number; pixels: number } {
  const file = Buffer.from(base64 ?? '', 'base64')
  expect(file.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n')
  const start = file.indexOf('IDAT')
  const data = file.subarray(start + 4, start + 4 + file.readUInt32BE(start - 4))
  return { width: file.readUInt32BE(16), height: file.readUInt32BE(20), pixels: inflateSync(data).length }
}

function sentTo(model: string): unknown {
  return JSON.parse(gateway.upstream.received(model).at(-1)?.body ?? '')
}

describe('images', () => {
  test('are drawn by the simulator, as many and as large as asked for, and the same again', async () => {
    const asked = { model: 'simulator/echo', prompt, n: 2, size: '96x64', response_format: 'b64_json' } as const
    // The SDK knows the sizes of OpenAI's own models only.
    const images = await client.images.generate(asked as never)
    const drawn = images.data?.map(({ b64_json }) => readPng(b64_json))
    const expected = { width: 96, height: 64, pixels: 97 * 64 }
    expect(drawn).toEqual([expected, expected])
    expect(images.data?.[0]?.b64_json).not.toBe(images.data?.[1]?.b64_json)
    expect((await client.images.generate(asked as never)).data).toEqual(images.data)
    expect(images.usage).toMatchObject({ input_tokens: 3, output_tokens: 4, total_tokens: 7 })
  })

  test('of an upstream that speaks the same come as it wrote them, and are paid by their tokens', async () => {
    const asked = { model: 'gpt-image-1', prompt, background: 'opaque', x_unknown: 1 } as const
    const images = await client.images.generate(asked)
    expect(images).toMatchObject(made)
    expect(sentTo('gpt-image-1')).toEqual(asked)
    // The catalog has 5 dollars for a million tokens of text, and 40 for those of an image.
    await expect
      .poll(() => gateway.allSettled().at(-1))
      .toMatchObject({
        operation: 'generate_images',
        images: 1,
        input_tokens: 10,
        output_tokens: 272,
        cost_nano_usd: 10 * 5000 + 272 * 40_000,
      })
  })

  test('of a model with a price cost what nobody knows where their tokens are not told', async () => {
    const { usage: _, ...untold } = made
    gateway.upstream.answer('gpt-image-1-mini', status(200, untold))
    await client.images.generate({ model: 'up/gpt-image-1-mini', prompt })
    await expect
      .poll(() => gateway.allSettled().at(-1))
      .toMatchObject({ images: 1, estimated: true, cost_nano_usd: null })
  })

  test('fail as the simulator is told to', async () => {
    const error = await client.images.generate({ model: 'simulator/status-429', prompt }).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(RateLimitError)
    const broken = await client.images.generate({ model: 'simulator/cut-after-1', prompt }).catch((thrown) => thrown)
    expect(broken).toMatchObject({ status: 502, code: 'provider_interrupted' })
  })

  test.each([
    ['simulator/echo', '/v1/images/generations'],
    ['gpt-image-1', '/v1/images/generations'],
    ['gpt-image-1', '/v1/inference/images/generate'],
    ['gpt-image-1', '/api/v1/inference/images'],
  ])('that come as bytes are kept and linked to for clients that want that: %s at %s', async (model, path) => {
    const form = path.startsWith('/api') ? { responseFormat: 'url' } : { response_format: 'url' }
    const { json } = await askJson(gateway.url + path, { model, prompt, ...form })
    const text = JSON.stringify(json)
    const url = JSON.parse(/"url":("[^"]+")/.exec(text)?.[1] ?? '""') as string
    expect(text).not.toMatch(/"(?:b64_json|data)":"/)
    expect(url.startsWith(`${gateway.url}/media/file-`)).toBe(true)
    const answer = await fetch(url)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png'])
    const bytes = Buffer.from(await answer.arrayBuffer()).toString('base64')
    if (model === 'gpt-image-1') expect([bytes, sentTo(model)]).toEqual([picture, { model, prompt }])
    else expect(readPng(bytes)).toMatchObject({ width: 256, height: 256 })
  })

  test('over RPC have no links of ours', async () => {
    const asked = { model: 'simulator/echo', prompt, responseFormat: 'url' }
    await expect(gateway.rpc.generateImages(asked)).rejects.toThrow('not as a url')
  })

  test('at a URL of the provider are handed on, and cost what nobody knows', async () => {
    const images = await client.images.generate({ model: 'up/dall-e-3', prompt, response_format: 'url' })
    expect(images).toMatchObject(linked)
    expect(sentTo('dall-e-3')).toEqual({ model: 'dall-e-3', prompt, response_format: 'url' })
    await expect
      .poll(() => gateway.allSettled().at(-1))
      .toMatchObject({ images: 1, estimated: true, cost_nano_usd: null })
  })

  test.each([
    ['stream', { stream: true as const }],
    ['size', { size: '9000x9000' as '1024x1024' }],
    ['n', { n: 11 }],
    ['prompt', { prompt: '' }],
    ['output_format', { output_format: 'webp' as const }],
  ])('are refused where the simulator cannot make them: %s', async (param, fields) => {
    const error = await client.images.generate({ model: 'simulator/echo', prompt, ...fields }).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ status: 400, param })
  })

  test('of a model that has bytes alone are asked for without a form', async () => {
    await client.images.generate({ model: 'gpt-image-1', prompt, response_format: 'b64_json' })
    expect(sentTo('gpt-image-1')).toEqual({ model: 'gpt-image-1', prompt })
  })

  test('are asked for over RPC, as bytes', async () => {
    const { images, usage, size } = await gateway.rpc.generateImages({
      model: 'up/gpt-image-1',
      prompt,
      quality: 'low',
    })
    expect(images.map(({ image }) => [image?.mediaType, image?.source.value])).toEqual([
      ['image/png', new Uint8Array(Buffer.from(picture, 'base64'))],
    ])
    expect([usage?.imageOutputTokens, usage?.images, size]).toEqual([272, 1, '1024x1024'])
    expect(sentTo('gpt-image-1')).toEqual({ model: 'gpt-image-1', prompt, quality: 'low' })
  })

  test('come in the envelope of each other dialect', async () => {
    const page = {
      model: 'up/dall-e-3',
      prompt: 'A landscape painting',
      n: 1,
      size: '1024x1024',
      quality: 'standard',
      style: 'vivid',
      response_format: 'url',
    }
    const grid = await askJson(`${gateway.url}/v1/inference/images/generate`, page)
    expect(grid.json).toMatchObject({ status: 'ok', data: { ...linked, model: page.model }, meta: {} })
    expect(grid.headers['x-scaigrid-backend']).toBe('up/dall-e-3')
    // A provider that has links gives them unasked, and of one that has none the gateway makes them.
    const { response_format: _, ...rest } = page
    expect(sentTo('dall-e-3')).toEqual({ ...rest, model: 'dall-e-3' })
    const asked = { model: 'gpt-image-1', prompt: 'A sunset over mountains', size: '1024x1024' }
    const platform = await askJson(`${gateway.url}/api/v1/inference/images`, asked)
    expect(platform.json).toEqual({
      success: true,
      data: {
        images: [{ data: picture, mediaType: 'image/png' }],
        model: 'gpt-image-1',
        usage: { inputTokens: 10, outputTokens: 272 },
        requestId: expect.any(String),
      },
    })
    expect(sentTo('gpt-image-1')).toEqual(asked)
  })

  test('name what of a request got lost, and refuse that in strict mode', async () => {
    const asked = { model: 'simulator/echo', prompt, quality: 'hd', seed: 3 }
    const url = `${gateway.url}/v1/inference/images/generate`
    const lenient = await ask(url, asked)
    expect([lenient.status, lenient.headers['x-switchyard-dropped']]).toEqual([200, 'seed, quality'])
    const strict = await ask(url, asked, { 'x-switchyard-strict': 'true' })
    expect([strict.status, strict.text]).toEqual([400, expect.stringContaining('seed, quality')])
  })

  test('that the upstream refuses are refused in its words', async () => {
    const error = { message: "Unknown parameter: 'quality'.", type: 'invalid_request_error', param: 'quality' }
    gateway.upstream.answer('refusing', status(400, { error: { ...error, code: 'unknown_parameter' } }))
    const thrown = await client.images.generate({ model: 'up/refusing', prompt }).catch((one) => one)
    expect(thrown).toMatchObject({ status: 400, param: 'quality', code: 'unknown_parameter' })
  })
})

describe('speech', () => {
  test('is streamed by the simulator as a WAV file as long as it says', async () => {
    const asked = { model: 'simulator/echo', input: 'Hello world', voice: 'alloy', response_format: 'wav' } as const
    const answer = await client.audio.speech.create(asked)
    expect(answer.headers.get('content-type')).toBe('audio/wav')
    const chunks = await Array.fromAsync(answer.body as AsyncIterable<Uint8Array>)
    const sound = soundOf(Buffer.concat(chunks))
    expect(sound).toMatchObject({ mediaType: 'audio/wav', seconds: expect.closeTo(0.55) })
    const fast = await client.audio.speech.create({ ...asked, speed: 2 })
    expect(soundOf(new Uint8Array(await fast.arrayBuffer())).seconds).toBeCloseTo(0.275)
  })

  test.each([
    ['pcm', 'audio/pcm'],
    ['mp3', 'audio/mpeg'],
  ] as const)('is called what it is: %s', async (response_format, contentType) => {
    const asked = { model: 'simulator/echo', input: 'Hello', voice: 'alloy', response_format }
    const answer = await client.audio.speech.create(asked)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, contentType])
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(500)
  })

  test('breaks off where the simulator is told to, and not before', async () => {
    const asked = { model: 'simulator/cut-after-2', input: 'Hello', voice: 'alloy', response_format: 'pcm' } as const
    const answer = await client.audio.speech.create(asked)
    const chunks: Uint8Array[] = []
    const reading = (async () => {
      for await (const chunk of answer.body as AsyncIterable<Uint8Array>) chunks.push(chunk)
    })()
    await expect(reading).rejects.toThrow()
    expect(chunks.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(1000)
    await expect
      .poll(() => gateway.allSettled().at(-1))
      .toMatchObject({ status: 'error', reason: 'provider_interrupted' })
  })

  test('is asked of an upstream that speaks the same as the client wrote it', async () => {
    gateway.upstream.answer('tts-1', pieces(['sou', 'nd'], 'end', 0, 'audio/mpeg'))
    const asked = { model: 'up/tts-1', input: 'Hello world', voice: { id: 'voice_7' }, speed: 1.5, x_unknown: true }
    const answer = await client.audio.speech.create(asked)
    expect([answer.headers.get('content-type'), await answer.text()]).toEqual(['audio/mpeg', 'sound'])
    expect(sentTo('tts-1')).toEqual({ ...asked, model: 'tts-1' })
  })

  test('is asked for at the page of the envelope, and comes without one', async () => {
    gateway.upstream.answer('tts-1', pieces(['sound'], 'end', 0, 'audio/mpeg'))
    const page = { model: 'up/tts-1', input: 'Hello world', voice: 'alloy', response_format: 'mp3', speed: 1.0 }
    const answer = await ask(`${gateway.url}/v1/inference/audio/synthesize`, page)
    expect(answer).toMatchObject({ status: 200, text: 'sound', headers: { 'content-type': 'audio/mpeg' } })
    expect(answer.headers['x-scaigrid-model']).toBe('up/tts-1')
    expect(sentTo('tts-1')).toEqual({ ...page, model: 'tts-1' })
  })

  test('comes over RPC in pieces, with its usage at the end', async () => {
    const asked = { model: 'simulator/echo', input: 'Hello world', voice: 'alloy', format: 'pcm' }
    const events = (await Array.fromAsync(gateway.rpc.synthesize(asked))).map(({ event }) => event)
    expect(events.map(({ case: name }) => name)).toEqual(['started', 'audio', 'audio', 'usage'])
    expect(events[0]?.value).toMatchObject({ mediaType: 'audio/pcm', model: 'echo' })
    expect(events.at(-1)?.value).toMatchObject({ characters: 11 })
  })

  test.each([
    ['response_format', { response_format: 'flac' as const }],
    ['stream_format', { stream_format: 'sse' as const }],
    ['speed', { speed: 5 }],
    ['input', { input: '' }],
  ])('is refused where it cannot be had: %s', async (param, fields) => {
    const asked = { model: 'simulator/echo', input: 'Hello', voice: 'alloy', ...fields }
    const error = await client.audio.speech.create(asked).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ status: 400, param })
  })
})
