import { entryOf } from '../entry.ts'
import type { Carriage, LinkedMedia } from '../contract.ts'

/** URLs that the Gemini API reads by itself: its own files, cloud storage and public videos. */
const googleUrl = /^(?:gs:\/\/|https:\/\/(?:[a-z0-9-]+\.)*(?:googleapis\.com|youtube\.com|youtu\.be)\/)/i

/** What is asked of a provider: whether it fetches any https URL, instead of its own files alone. */
export interface Reading {
  readonly fetchesUrls: boolean
}

/** True for a URL that the provider reads: one of Google's own, or any https URL where it fetches those. */
export function isRead(url: string, { fetchesUrls }: Reading): boolean {
  return googleUrl.test(url) || (fetchesUrls && /^https:\/\//i.test(url))
}

/** The provider is sent the bytes where it does not read the URL, or would have to be told a type that nobody knows. */
export function carries({ url, mediaType }: LinkedMedia, reading: Reading): Carriage {
  if (googleUrl.test(url)) return 'url'
  return isRead(url, reading) && linkedType(url, mediaType) !== '' ? 'url' : 'bytes'
}

const types: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  heic: 'image/heic',
  heif: 'image/heif',
  pdf: 'application/pdf',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  flac: 'audio/flac',
  ogg: 'audio/ogg',
  mp4: 'video/mp4',
}

/** The type of what is linked, which the end of its URL tells where nobody said it; empty where neither does. */
export function linkedType(url: string, mediaType: string): string {
  if (mediaType !== '') return mediaType
  const [, end = ''] = /\.([a-z0-9]+)(?:[?#]|$)/i.exec(url) ?? []
  return entryOf(types, end.toLowerCase()) ?? ''
}
