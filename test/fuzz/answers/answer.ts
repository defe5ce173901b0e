/** How the connection of an answer ends: as it should, by breaking, or not at all. */
export type Ending = 'end' | 'break' | 'stall'

/** One answer of an upstream, as it comes over the connection, and who asked for it. */
export interface Answer {
  /** The dialect of the client, or `rpc`. */
  readonly client: string
  readonly streaming: boolean
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** What each read brings. */
  readonly pieces: readonly Buffer[]
  readonly ending: Ending
}

interface Written extends Omit<Answer, 'pieces'> {
  readonly pieces: readonly (string | { readonly base64: string })[]
}

/** The answer as a file of the corpus has it: text where it is text. */
export function writeAnswer({ pieces, ...answer }: Answer): object {
  return { ...answer, pieces: pieces.map(writePiece) } satisfies Written
}

function writePiece(piece: Buffer): Written['pieces'][number] {
  const text = piece.toString()
  return Buffer.from(text).equals(piece) ? text : { base64: piece.toString('base64') }
}

/** The answer in a file of the corpus. */
export function readAnswer(written: unknown): Answer {
  const { pieces, ...answer } = written as Written
  return {
    ...answer,
    pieces: pieces.map((piece) =>
      typeof piece === 'string' ? Buffer.from(piece) : Buffer.from(piece.base64, 'base64'),
    ),
  }
}

/** Cuts bytes into pieces of the sizes given, taken round and round; without sizes they stay one piece. */
export function piecesOf(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  if (sizes.length === 0) return [bytes]
  const pieces: Buffer[] = []
  for (let start = 0, turn = 0; start < bytes.length; turn++) {
    const end = start + Math.max(1, sizes[turn % sizes.length] ?? 1)
    pieces.push(bytes.subarray(start, end))
    start = end
  }
  return pieces
}
