/** What bytes are that may be a recording. */
export interface Sound {
  /** Undefined where the bytes do not say. */
  readonly mediaType: string | undefined
  /** True for bytes that say they are something else. */
  readonly isOther: boolean
  /** How long it plays; undefined where that is not known without decoding it. */
  readonly seconds: number | undefined
}

/** The beginnings of files with sound, and of others that are taken for one. A `?` stands for any byte. */
const beginnings: readonly (readonly [text: string, mediaType: string])[] = [
  ['RIFF????WAVE', 'audio/wav'],
  ['RF64????WAVE', 'audio/wav'],
  ['fLaC', 'audio/flac'],
  ['OggS', 'audio/ogg'],
  ['ID3', 'audio/mpeg'],
  ['\x1aE\xdf\xa3', 'audio/webm'],
  ['????ftyp', 'audio/mp4'],
  ['FORM????AIF', 'audio/aiff'],
  ['caff', 'audio/x-caf'],
  ['#!AMR', 'audio/amr'],
  ['.snd', 'audio/basic'],
  ['0&\xb2u\x8ef\xcf\x11', 'audio/x-ms-wma'],
  ['\x00\x00\x01\xba', 'audio/mpeg'],
  ['\x89PNG', 'image/png'],
  ['\xff\xd8\xff', 'image/jpeg'],
  ['GIF8', 'image/gif'],
  ['RIFF????WEBP', 'image/webp'],
  ['%PDF', 'application/pdf'],
  ['PK\x03\x04', 'application/zip'],
  ['\x1f\x8b', 'application/gzip'],
  ['\x7fELF', 'application/x-executable'],
  ['MZ', 'application/x-executable'],
  ['<!DOCTYPE', 'text/html'],
  ['<html', 'text/html'],
  ['<?xml', 'text/xml'],
  ['{', 'application/json'],
]

/** Looks at the beginning of a recording, and for its length where its format has that in a head. Never throws. */
export function soundOf(bytes: Uint8Array): Sound {
  const found = beginnings.find(([text]) => begins(bytes, text))?.[1] ?? mpegOf(bytes)
  const isOther = found !== undefined && !found.startsWith('audio/')
  return { mediaType: isOther ? undefined : found, isOther, seconds: secondsOf(bytes, found) }
}

function begins(bytes: Uint8Array, text: string): boolean {
  if (bytes.length < text.length) return false
  return Array.from(text).every((character, index) => character === '?' || bytes[index] === character.charCodeAt(0))
}

/** Frames of MPEG sound begin with eleven set bits; those of AAC with twelve, and without a layer. */
function mpegOf([first = 0, second = 0]: Uint8Array): string | undefined {
  if (first !== 0xff || (second & 0xe0) !== 0xe0) return undefined
  return (second & 0xf6) === 0xf0 ? 'audio/aac' : 'audio/mpeg'
}

function secondsOf(bytes: Uint8Array, mediaType: string | undefined): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const seconds =
    mediaType === 'audio/wav' ? wavSeconds(view) : mediaType === 'audio/flac' ? flacSeconds(view) : undefined
  return seconds !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined
}

/** The bytes of the `data` chunk by those of a second; of a chunk that says more than there is, as of a stream's, what there is. */
function wavSeconds(view: DataView): number | undefined {
  let bytesPerSecond = 0
  for (let at = 12; at + 8 <= view.byteLength;) {
    const id = view.getUint32(at)
    const length = view.getUint32(at + 4, true)
    if (id === 0x666d7420 && at + 20 <= view.byteLength) bytesPerSecond = view.getUint32(at + 16, true)
    if (id === 0x64617461)
      return bytesPerSecond === 0 ? undefined : Math.min(length, view.byteLength - at - 8) / bytesPerSecond
    at += 8 + length + (length % 2)
  }
  return undefined
}

/** The samples by those of a second, as the first block of metadata counts them. */
function flacSeconds(view: DataView): number | undefined {
  if (view.byteLength < 26) return undefined
  const rate = view.getUint32(18) >>> 12
  const samples = (view.getUint8(21) & 0x0f) * 2 ** 32 + view.getUint32(22)
  return rate === 0 || samples === 0 ? undefined : samples / rate
}
