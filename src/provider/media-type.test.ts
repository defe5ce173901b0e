import { describe, expect, test } from 'vitest'
import { mediaTypeOf, sniff } from './media-type.ts'

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))
const media = (kind: 'image' | 'audio' | 'file', mediaType = '') => ({ kind, mediaType, url: 'https://a.example/a' })

describe('the beginning of bytes tells', () => {
  test.each([
    ['image/png', '\x89PNG\r\n\x1a\n....'],
    ['image/jpeg', '\xff\xd8\xff\xe0....'],
    ['image/gif', 'GIF89a....'],
    ['image/gif', 'GIF87a....'],
    ['image/webp', 'RIFF....WEBPVP8 '],
    ['image/heic', '....ftypheic....'],
    ['image/heif', '....ftypmif1....'],
    ['image/avif', '....ftypavif....'],
    ['image/bmp', 'BM......'],
    ['image/tiff', 'II*\0....'],
    ['image/tiff', 'MM\0*....'],
    ['application/pdf', '%PDF-1.7'],
    ['audio/wav', 'RIFF....WAVEfmt '],
    ['audio/aiff', 'FORM....AIFF'],
    ['audio/flac', 'fLaC....'],
    ['audio/ogg', 'OggS....'],
    ['audio/mpeg', 'ID3\x04....'],
    ['audio/mp4', '....ftypM4A ....'],
    ['audio/amr', '#!AMR\n'],
    ['video/mp4', '....ftypisom....'],
    ['video/quicktime', '....ftypqt  ....'],
    ['video/webm', '\x1a\x45\xdf\xa3....'],
    [undefined, 'words'],
    [undefined, ''],
    [undefined, '<svg xmlns="http://www.w3.org/2000/svg"/>'],
  ])('%s', (type, text) => {
    expect(sniff(bytes(text), 'file')).toBe(type)
  })

  test.each([
    ['audio/mpeg', '\xff\xfb\x90\x00'],
    ['audio/mpeg', '\xff\xf3\x40\x00'],
    ['audio/aac', '\xff\xf1\x50\x80'],
    ['audio/mp4', '....ftypisom....'],
    ['audio/webm', '\x1a\x45\xdf\xa3....'],
    // UTF-16 begins with such bits, too.
    [undefined, '\xff\xfeh\0i\0'],
  ])('%s, of what should be sound', (type, text) => {
    expect(sniff(bytes(text), 'audio')).toBe(type)
  })
})

describe('what a URL led to is', () => {
  const png = bytes('\x89PNG\r\n\x1a\n')
  const pdf = bytes('%PDF-1.7')
  const page = bytes('<!doctype html><p>hi</p>')
  test.each([
    ['an image, whatever its server calls it', media('image'), png, 'image/jpeg', 'image/png'],
    ['an image, whatever the client called it', media('image', 'image/webp'), png, '', 'image/png'],
    ['no image where it is a page', media('image'), page, 'image/png', undefined],
    ['no image where it is sound', media('image'), bytes('fLaC....'), 'image/png', undefined],
    ['no image where it is a drawing in words', media('image'), bytes('<svg/>'), 'image/svg+xml', undefined],
    ['sound', media('audio'), bytes('OggS....'), 'application/ogg', 'audio/ogg'],
    ['no sound where it is an image', media('audio'), png, 'audio/wav', undefined],
    ['the PDF that was said', media('file', 'application/pdf'), pdf, 'application/octet-stream', 'application/pdf'],
    ['no PDF where it is a page', media('file', 'application/pdf'), page, 'application/pdf', undefined],
    ['a PDF that nobody said', media('file'), pdf, 'text/plain', 'application/pdf'],
    ['no PDF only because its server says so', media('file'), page, 'application/pdf', undefined],
    ['another image than was said, but an image', media('file', 'image/jpeg'), png, '', 'image/png'],
    ['no video where it is an image', media('file', 'video/mp4'), png, '', undefined],
    ['the text its server says', media('file'), bytes('a,b'), 'text/csv; charset=utf-8', 'text/csv'],
    ['the text the client says', media('file', 'text/markdown'), bytes('# a'), 'text/plain', 'text/markdown'],
    ['text, where nobody knows more', media('file'), bytes('words'), 'application/octet-stream', 'text/plain'],
    ['bytes, where nobody knows anything', media('file'), bytes('\0\x01'), '', 'application/octet-stream'],
    ['bytes, where it is no Unicode', media('file'), bytes('\xff\xfe\xfd'), '', 'application/octet-stream'],
  ])('%s', (_what, given, content, served, type) => {
    expect(mediaTypeOf(given, content, served)).toBe(type)
  })
})
