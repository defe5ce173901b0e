/** A line of text: what it says, or why that cannot be known. */
export type TextLine =
  | { readonly line: number; readonly text: string }
  | { readonly line: number; readonly problem: 'too_long' | 'not_utf8' }

const newLine = 0x0a

/**
 * The lines of a file as its bytes come, numbered from 1; those of nothing but space are left out. Of a line that is longer than
 * `mostBytes` nothing is kept.
 */
export async function* readLines(
  bytes: AsyncIterable<Uint8Array>,
  mostBytes: number,
): AsyncGenerator<TextLine, void, void> {
  const line = new LineBuffer(mostBytes)
  let number = 1
  for await (const piece of bytes) {
    let from = 0
    for (let end = piece.indexOf(newLine); end >= 0; end = piece.indexOf(newLine, from)) {
      line.add(piece.subarray(from, end))
      const read = line.end(number)
      if (read !== undefined) yield read
      number += 1
      from = end + 1
    }
    line.add(piece.subarray(from))
  }
  const last = line.end(number)
  if (last !== undefined) yield last
}

class LineBuffer {
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true })
  readonly #mostBytes: number
  #pieces: Uint8Array[] = []
  #bytes = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  add(piece: Uint8Array): void {
    this.#bytes += piece.length
    if (this.#bytes > this.#mostBytes) this.#pieces = []
    // What the piece is a part of may be used again.
    else if (piece.length > 0) this.#pieces.push(Uint8Array.from(piece))
  }

  /** The line, which is over; undefined when it says nothing. */
  end(line: number): TextLine | undefined {
    const isTooLong = this.#bytes > this.#mostBytes
    const bytes = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#bytes = 0
    if (isTooLong) return { line, problem: 'too_long' }
    try {
      const text = this.#utf8.decode(bytes)
      return text.trim() === '' ? undefined : { line, text }
    } catch {
      return { line, problem: 'not_utf8' }
    }
  }
}
