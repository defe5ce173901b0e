/** One request of a client. */
export interface Ask {
  /** The path of a route, as the dialect lists it. */
  readonly route: string
  readonly query: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

interface Written extends Omit<Ask, 'body'> {
  readonly body: string | { readonly base64: string }
}

/** The request as a file of the corpus has it: text where it is text. */
export function writeAsk({ body, ...ask }: Ask): object {
  const text = body.toString()
  const written = Buffer.from(text).equals(body) ? text : { base64: body.toString('base64') }
  return { ...ask, body: written } satisfies Written
}

/** The request in a file of the corpus. */
export function readAsk(written: unknown): Ask {
  const { body, ...ask } = written as Written
  return { ...ask, body: typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.base64, 'base64') }
}
