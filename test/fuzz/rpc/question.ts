/** One request to the contract over HTTP. */
export interface Question {
  /** The method's name in `InferenceService`. */
  readonly method: string
  /** JSON, or the binary encoding. */
  readonly codec: 'json' | 'proto'
  readonly body: Buffer
}

interface Written extends Omit<Question, 'body'> {
  readonly body: string | { readonly base64: string }
}

/** The request as a file of the corpus has it: text where it is text. */
export function writeQuestion({ body, ...question }: Question): object {
  const text = body.toString()
  const written = Buffer.from(text).equals(body) ? text : { base64: body.toString('base64') }
  return { ...question, body: written } satisfies Written
}

/** The request in a file of the corpus. */
export function readQuestion(written: unknown): Question {
  const { body, ...question } = written as Written
  return { ...question, body: typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.base64, 'base64') }
}
