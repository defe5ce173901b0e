/** A piece of the document: JSON. */
export type Json = Readonly<Record<string, unknown>>

/** One method on one path. */
export interface Operation {
  /** With `{name}` segments. */
  readonly path: string
  readonly method: 'get' | 'post' | 'put' | 'delete'
  readonly body: Json
}

/** Named pieces that operations refer to as `#/components/KIND/NAME`. */
export interface Components {
  readonly schemas: Record<string, Json>
  readonly responses: Record<string, Json>
}

/** What an edge adds to the document beside its operations. */
export interface Part {
  readonly name: string
  readonly description: string
}

/** The header by which a client says that it asks the same again. */
export const idempotencyKey: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'Answers the request once: whoever sends it again with the same key gets the same answer, for a day.',
  schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
}
