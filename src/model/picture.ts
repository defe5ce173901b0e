/** The beginnings of pictures. A `?` stands for any byte. */
const beginnings: readonly (readonly [text: string, mediaType: string])[] = [
  ['\x89PNG', 'image/png'],
  ['\xff\xd8\xff', 'image/jpeg'],
  ['RIFF????WEBP', 'image/webp'],
  ['GIF8', 'image/gif'],
]

/** The media type that a picture's own first bytes tell; undefined where they tell none. */
export function pictureType(bytes: Uint8Array): string | undefined {
  return beginnings.find(([text]) => begins(bytes, text))?.[1]
}

function begins(bytes: Uint8Array, text: string): boolean {
  if (bytes.length < text.length) return false
  return Array.from(text).every((character, index) => character === '?' || bytes[index] === character.charCodeAt(0))
}
