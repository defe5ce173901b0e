/**
 * A text cut into the simulator's tokens: a word with the white space before it, and a longer word after every sixteen
 * characters. Joined, they are the text again.
 */
export function tokensOf(text: string): readonly string[] {
  return text.match(/\s*\S{1,16}|\s+$/gu) ?? []
}

const vocabulary =
  'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo consequat'.split(
    ' ',
  )

/** Filler of exactly so many tokens, the first of which says that it is simulated. Equal seeds give equal texts. */
export function lorem(count: number, seed: number): string {
  const random = numbers(seed)
  const words = Array.from({ length: count }, (_, index) =>
    index === 0 ? '[simulated]' : vocabulary[Math.floor(random() * vocabulary.length)],
  )
  return words.join(' ')
}

/** Numbers from 0 up to 1 that only look random (the generator known as mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
