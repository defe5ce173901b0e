import { toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { GenerateImagesResponseSchema } from '#gen/switchyard/v1/image_pb.ts'
import { UsageSchema } from '#gen/switchyard/v1/usage_pb.ts'
import { GatewayError } from '../error/index.ts'
import { geminiClient } from './gemini/client.ts'
import { images as geminiImages } from './gemini/image-client.ts'
import { speech as geminiSpeech } from './gemini/speech-client.ts'
import { images as openaiImages } from './openai/image-client.ts'
import { emptySpeechRequest } from './speech.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

const nasty: readonly Json[] = [null, 1, -1, 1.5, '', 'x', true, [], {}, [null], [{}], 4e9, { __proto__: null, a: 1 }]

/** The value with each of its parts, at any depth, in turn replaced by something that does not belong there. */
function* spoiled(value: Json): Generator<Json> {
  yield* nasty
  if (value === null || typeof value !== 'object') return
  if (isList(value)) {
    for (const [at, member] of value.entries()) for (const other of spoiled(member)) yield value.with(at, other)
    return
  }
  for (const [key, member] of Object.entries(value))
    for (const other of spoiled(member)) yield { ...value, [key]: other }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

const image = { b64_json: 'YWJj', url: 'https://x.example/', revised_prompt: 'p' }
const openaiAnswer: Json = {
  created: 1,
  data: [image],
  size: '1x1',
  output_format: 'png',
  usage: {
    input_tokens: 1,
    output_tokens: 2,
    total_tokens: 3,
    input_tokens_details: { text_tokens: 1, image_tokens: 0 },
    output_tokens_details: { text_tokens: 1, image_tokens: 1 },
  },
}
const imagenAnswer: Json = {
  predictions: [{ bytesBase64Encoded: 'YWJj', mimeType: 'image/png', prompt: 'p' }, { raiFilteredReason: 'r' }],
}
const geminiAnswer: Json = {
  candidates: [
    { content: { parts: [{ inlineData: { mimeType: 'audio/L16;rate=24000', data: 'YWJj' } }] }, finishReason: 'STOP' },
  ],
  promptFeedback: {},
  modelVersion: 'm',
  usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2, candidatesTokensDetails: [{ tokenCount: 1 }] },
}

const encoded = (path: string) => ({ path, body: '', dropped: [], passThrough: true })

/** Reads an answer, and writes what was read as the contract carries it. */
const readers: Readonly<Record<string, readonly [Json, (text: string) => Uint8Array]>> = {
  'images as OpenAI writes them': [
    openaiAnswer,
    (text) => written(openaiImages.decode({ text, contentType: '' }, encoded('/images/generations'), {})),
  ],
  'predictions of Imagen': [imagenAnswer, (text) => readGemini(text, ':predict')],
  'images of Gemini': [geminiAnswer, (text) => readGemini(text, ':generateContent')],
  'speech of Gemini': [
    geminiAnswer,
    (text) => {
      const spoken = geminiSpeech.decode?.({ text, contentType: '' }, emptySpeechRequest('m', 'Hi'))
      return spoken?.usage === undefined ? new Uint8Array() : toBinary(UsageSchema, spoken.usage)
    },
  ],
}

function readGemini(text: string, path: string): Uint8Array {
  return written(geminiImages.decode({ text, contentType: '' }, encoded(path), geminiClient.defaults))
}

function written(response: ReturnType<typeof openaiImages.decode>): Uint8Array {
  return toBinary(GenerateImagesResponseSchema, response)
}

describe.each(Object.entries(readers))('%s', (_name, [answer, read]) => {
  test('are read, or refused with an error of ours, whatever is in the place of any part', () => {
    expect(read(JSON.stringify(answer))).toBeInstanceOf(Uint8Array)
    const faults = [...spoiled(answer)].flatMap((one) => {
      const text = JSON.stringify(one)
      try {
        read(text)
        return []
      } catch (error) {
        return error instanceof GatewayError ? [] : [`${text}: ${String(error)}`]
      }
    })
    expect(faults).toEqual([])
    expect(() => read('<html>')).toThrow(GatewayError)
  })
})
