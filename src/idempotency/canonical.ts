import { type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf'
import { fail } from '../error/index.ts'

/**
 * A message as a text that is the same for the same message, however it was sent: the entries of maps have no order, and clients write
 * them in another one each time. Throws `invalid_request` for a message that JSON has no words for.
 */
export function canonicalText<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): string {
  let json: JsonValue
  try {
    json = toJson(schema, message)
  } catch (cause) {
    throw fail('invalid_request', 'a message with an Idempotency-Key must have a JSON form', { cause })
  }
  return JSON.stringify(json, (_name, value: JsonValue) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)))
  })
}
