import fc from 'fast-check'
import { expect, test } from 'vitest'
import { soundOf } from './sound.ts'

/** A WAV file of so many seconds, at 8,000 bytes a second, with a chunk that players skip. */
function wav(seconds: number, declared = seconds * 8000): Buffer {
  const head = Buffer.alloc(54)
  head.write('RIFF????WAVEfmt ', 0, 'latin1')
  head.writeUInt32LE(16, 16)
  head.writeUInt32LE(8000, 28)
  head.write('LIST', 36, 'latin1')
  head.writeUInt32LE(1, 40)
  head.write('data', 46, 'latin1')
  head.writeUInt32LE(declared, 50)
  return Buffer.concat([head, Buffer.alloc(seconds * 8000)])
}

function flac(seconds: number): Buffer {
  const head = Buffer.alloc(42)
  head.write('fLaC', 'latin1')
  head.writeUInt32BE(((16_000 << 12) | 0x1f0) >>> 0, 18)
  head.writeUInt32BE(seconds * 16_000, 22)
  return head
}

test.each([
  ['a WAV', wav(3), 'audio/wav', 3],
  ['a WAV whose writer did not know how long it becomes', wav(2, 0xffff_ffff), 'audio/wav', 2],
  ['a WAV that is cut in its head', wav(3).subarray(0, 40), 'audio/wav', undefined],
  ['a FLAC', flac(60), 'audio/flac', 60],
  ['an MP3 with tags', Buffer.from('ID3\x04'), 'audio/mpeg', undefined],
  ['an MP3 without', Buffer.from([0xff, 0xfb, 0x90, 0x64]), 'audio/mpeg', undefined],
  ['an AAC', Buffer.from([0xff, 0xf1, 0x50, 0x80]), 'audio/aac', undefined],
  ['an M4A', Buffer.from('\0\0\0\x20ftypM4A ', 'latin1'), 'audio/mp4', undefined],
  ['an Ogg', Buffer.from('OggS'), 'audio/ogg', undefined],
  ['a WebM', Buffer.from([0x1a, 0x45, 0xdf, 0xa3]), 'audio/webm', undefined],
])('knows %s', (_, bytes, mediaType, seconds) => {
  expect(soundOf(bytes)).toEqual({ mediaType, isOther: false, seconds })
})

test.each(['\x89PNG', '\xff\xd8\xff\xe0', '%PDF-1.7', 'PK\x03\x04', '<!DOCTYPE html>', '{"a":1}', 'RIFF1234WEBP'])(
  'knows that %j is something else',
  (text) => expect(soundOf(Buffer.from(text, 'latin1'))).toMatchObject({ mediaType: undefined, isOther: true }),
)

test('does not know what does not say', () => {
  const nothing = { mediaType: undefined, isOther: false, seconds: undefined }
  for (const text of ['', 'R', 'just words']) expect(soundOf(Buffer.from(text))).toEqual(nothing)
})

test('is at a loss about nothing', () => {
  const head = fc.constantFrom(wav(0), flac(1), Buffer.from('RIFF????WAVE'), Buffer.alloc(0))
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 80 }), fc.nat({ max: 100 }), (begin, rest, cut) => {
      const { seconds = 0 } = soundOf(Buffer.concat([begin, rest]).subarray(0, cut))
      expect(seconds).toBeGreaterThanOrEqual(0)
    }),
  )
})
