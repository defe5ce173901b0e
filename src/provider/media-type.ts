import type { LinkedMedia } from '../dialects/contract.ts'

type Kind = LinkedMedia['kind']

/** True when `bytes` has this text, one byte a character, at `offset`. */
function has(bytes: Uint8Array, text: string, offset = 0): boolean {
  if (bytes.length < offset + text.length) return false
  for (let at = 0; at < text.length; at++) if (bytes[offset + at] !== text.charCodeAt(at)) return false
  return true
}

/** Types of ISO base media files, by the brand at their beginning; video where it is none of these. */
const brands: readonly (readonly [string, string])[] = [
  ['heic', 'image/heic'],
  ['heix', 'image/heic'],
  ['heim', 'image/heic'],
  ['heis', 'image/heic'],
  ['mif1', 'image/heif'],
  ['avif', 'image/avif'],
  ['M4A ', 'audio/mp4'],
  ['M4B ', 'audio/mp4'],
  ['qt  ', 'video/quicktime'],
]

function brandOf(bytes: Uint8Array): string | undefined {
  if (!has(bytes, 'ftyp', 4)) return undefined
  return brands.find(([brand]) => has(bytes, brand, 8))?.[1] ?? 'video/mp4'
}

/** The beginnings of formats that a model may be shown. */
const beginnings: readonly (readonly [string, string])[] = [
  ['\x89PNG\r\n\x1a\n', 'image/png'],
  ['\xff\xd8\xff', 'image/jpeg'],
  ['GIF87a', 'image/gif'],
  ['GIF89a', 'image/gif'],
  ['BM', 'image/bmp'],
  ['II*\0', 'image/tiff'],
  ['MM\0*', 'image/tiff'],
  ['%PDF-', 'application/pdf'],
  ['fLaC', 'audio/flac'],
  ['OggS', 'audio/ogg'],
  ['ID3', 'audio/mpeg'],
  ['#!AMR', 'audio/amr'],
]

/** The type that the beginning of the bytes tells; undefined where it tells none, as of text. */
export function sniff(bytes: Uint8Array, kind: Kind): string | undefined {
  if (has(bytes, 'RIFF')) {
    if (has(bytes, 'WEBP', 8)) return 'image/webp'
    if (has(bytes, 'WAVE', 8)) return 'audio/wav'
  }
  if (has(bytes, 'FORM') && has(bytes, 'AIF', 8)) return 'audio/aiff'
  if (has(bytes, '\x1a\x45\xdf\xa3')) return kind === 'audio' ? 'audio/webm' : 'video/webm'
  const told = beginnings.find(([text]) => has(bytes, text))?.[1] ?? brandOf(bytes)
  // The same container holds sound alone under a brand of video.
  if (told === 'video/mp4' && kind === 'audio') return 'audio/mp4'
  return told ?? (kind === 'audio' ? frameOf(bytes) : undefined)
}

/** MPEG audio (layers II and III) and AAC begin with a frame: eleven or twelve bits that are set, which only what should be sound is believed. */
function frameOf([first = 0, second = 0]: Uint8Array): string | undefined {
  if (first !== 0xff || second < 0xe0) return undefined
  if ((second & 0xf6) === 0xf0) return 'audio/aac'
  const layer = (second >> 1) & 3
  return layer === 1 || layer === 2 ? 'audio/mpeg' : undefined
}

/** Types whose bytes can be told by their beginning: what does not begin so is something else. */
const told = /^(?:image|audio|video)\/|^application\/pdf$/

/**
 * The media type of what a URL led to. The bytes say it where they can, else the server's `contentType`, else what the client said.
 * Undefined when it is not of the kind that the client said: no picture, no sound, or another kind of file than was declared.
 */
export function mediaTypeOf(media: LinkedMedia, bytes: Uint8Array, contentType: string): string | undefined {
  const served = plain(contentType)
  const said = plain(media.mediaType)
  const sniffed = sniff(bytes, media.kind)
  if (media.kind !== 'file') return sniffed?.startsWith(`${media.kind}/`) === true ? sniffed : undefined
  const [group] = said.split('/')
  if (told.test(said) && sniffed !== said && (said === 'application/pdf' || sniffed?.split('/')[0] !== group))
    return undefined
  if (sniffed !== undefined) return sniffed
  const worded = [said, served].find((type) => type !== '' && !vague.has(type) && !type.endsWith('/*'))
  // What a server calls a picture and is none is not sent on as one.
  if (worded !== undefined) return told.test(worded) ? undefined : worded
  return isText(bytes) ? 'text/plain' : 'application/octet-stream'
}

/** Types that say nothing. */
const vague: ReadonlySet<string> = new Set(['application/octet-stream', 'binary/octet-stream'])

/** A media type without its parameters, in lower case. */
function plain(type: string): string {
  return (type.split(';')[0] ?? '').trim().toLowerCase()
}

function isText(bytes: Uint8Array): boolean {
  if (bytes.includes(0)) return false
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}
