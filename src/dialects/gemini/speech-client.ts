import { Buffer } from 'node:buffer'
import type { SynthesizeRequest } from '#gen/switchyard/v1/audio_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { fail } from '../../error/index.ts'
import { wavOf } from '../../model/wav.ts'
import type { EncodedCall, SpeechDialect, UpstreamAnswer } from '../client-operations.ts'
import { isObject, objectsOf, textOf } from '../scalars.ts'
import { formatAmong } from '../speech.ts'
import { parseObject } from '../wire-object.ts'
import { type GeminiOptions, resourceOf } from './encode-request.ts'
import type { WireAnswer } from './types.ts'
import { hasCounts, usageOf } from './usage.ts'
import { requireAnswer } from './withheld.ts'

/** How Google speaks: a chat that answers with sound, which it gives as bare samples. */
export const speech: SpeechDialect<GeminiOptions> = { encode, decode }

const formats = ['wav', 'pcm'] as const

/** Writes the text as a chat to be answered with sound. Throws `unsupported_field` for a format that Google does not have. */
function encode(request: SynthesizeRequest, options: GeminiOptions): EncodedCall {
  formatAmong(request, formats)
  const { model, input, voice, speed, instructions, source } = request
  const speechConfig = { voiceConfig: { prebuiltVoiceConfig: { voiceName: voice } } }
  const generationConfig = { responseModalities: ['AUDIO'], ...(voice !== '' && { speechConfig }) }
  return {
    path: `/${options.apiVersion}/${resourceOf(model, options)}:generateContent`,
    body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: input }] }], generationConfig }),
    dropped: [
      ...(source?.untranslated ?? []),
      ...(speed === undefined || speed === 1 ? [] : ['speed']),
      ...(instructions === undefined ? [] : ['instructions']),
    ],
    passThrough: false,
  }
}

function decode(
  { text }: UpstreamAnswer,
  request: SynthesizeRequest,
): { readonly audio: Uint8Array; readonly mediaType: string; readonly usage?: Usage } {
  const wire = parseObject(text, 'provider_error') as WireAnswer
  requireAnswer(wire)
  const [candidate] = objectsOf(wire.candidates)
  const sounds = objectsOf(candidate?.content?.parts).flatMap(({ inlineData }) => {
    const data = textOf(inlineData?.data)
    return data === '' ? [] : [{ bytes: Buffer.from(data, 'base64'), type: textOf(inlineData?.mimeType) }]
  })
  const [first] = sounds
  if (first === undefined) throw fail('provider_error', "the provider's answer has no sound")
  const samples = Buffer.concat(sounds.map(({ bytes }) => bytes))
  const { usageMetadata } = wire
  const spent = isObject(usageMetadata) && hasCounts(usageMetadata) ? { usage: soundUsage(usageOf(usageMetadata)) } : {}
  return { ...soundOf(samples, first.type, formatAmong(request, formats)), ...spent }
}

/** Sixteen bits a sample, one channel, and so many samples a second: `audio/L16;codec=pcm;rate=24000`. Other sound is left as it is. */
function soundOf(samples: Uint8Array, type: string, format: 'wav' | 'pcm') {
  const [, rate = '24000'] = /;\s*rate=(\d{4,6})\b/i.exec(type) ?? []
  if (!/^audio\/(?:L16|pcm)\b/i.test(type)) return { audio: samples, mediaType: type }
  return format === 'pcm'
    ? { audio: samples, mediaType: `audio/pcm;rate=${rate}` }
    : { audio: wavOf(samples, Number(rate)), mediaType: 'audio/wav' }
}

/** All that is written of an answer that is sound is sound, also where Google does not say so. */
function soundUsage(usage: Usage): Usage {
  return usage.audioOutputTokens > 0
    ? usage
    : { ...usage, audioOutputTokens: usage.outputTokens - usage.reasoningTokens }
}
