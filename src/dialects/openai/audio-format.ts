/** The word for a format of sound, which is not always its media type's. */
export function audioFormat(mediaType: string): string {
  return mediaType.replace(/^audio\/(?:x-)?/, '').replace('mpeg', 'mp3')
}
