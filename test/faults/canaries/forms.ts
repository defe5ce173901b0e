const hexOf = (byte: number): string => byte.toString(16).padStart(2, '0')

/** Base64 of bytes that stand so many bytes behind a boundary of three: the characters that depend on nothing around them. */
function base64Of(piece: Buffer, behind: number): string {
  const whole = Buffer.concat([Buffer.alloc(behind), piece])
  return whole.toString('base64').slice(Math.ceil((behind * 8) / 6), Math.floor((whole.length * 8) / 6))
}

/**
 * Every way in which output may hold some bytes, by name: as they are, in the encodings of bytes as text, escaped in URLs and JSON, and
 * as the lists of numbers that a buffer becomes when it is inspected or made JSON.
 */
export function formsOf(piece: Buffer): ReadonlyMap<string, Buffer> {
  const bytes = [...piece]
  const latin1 = piece.toString('latin1')
  const shifted = [0, 1, 2].map((behind) => base64Of(piece, behind))
  const texts: Readonly<Record<string, readonly string[]>> = {
    lower: [latin1.toLowerCase()],
    upper: [latin1.toUpperCase()],
    base64: shifted,
    base64url: shifted.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    hex: [bytes.map(hexOf).join(''), bytes.map(hexOf).join('').toUpperCase(), bytes.map(hexOf).join(' ')],
    percent: [
      bytes.map((byte) => `%${hexOf(byte)}`).join(''),
      bytes.map((byte) => `%${hexOf(byte).toUpperCase()}`).join(''),
    ],
    json: [
      bytes.map((byte) => `\\u00${hexOf(byte)}`).join(''),
      bytes.map((byte) => `\\u00${hexOf(byte).toUpperCase()}`).join(''),
    ],
    numbers: [',', ', ', ' '].map((between) => bytes.join(between)),
  }
  const forms = new Map([['raw', piece]])
  // A piece without capitals is its own lower case: it would be found twice.
  const put = (name: string, form: Buffer): void => {
    if (![...forms.values()].some((known) => known.equals(form))) forms.set(name, form)
  }
  for (const [name, spelled] of Object.entries(texts))
    for (const [at, text] of spelled.entries()) put(at === 0 ? name : `${name}.${at}`, Buffer.from(text, 'latin1'))
  put('utf16', Buffer.from(latin1, 'utf16le'))
  return forms
}
