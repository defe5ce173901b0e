import { type DescField, type DescMessage, isMessage, type MessageShape } from '@bufbuild/protobuf'
import { reflect } from '@bufbuild/protobuf/reflect'
import { TimestampSchema } from '@bufbuild/protobuf/wkt'
import { fail } from '../error/index.ts'

/** Seconds of the first and the last moment that a timestamp may say: from year 1 to year 9999. */
const firstSecond = -62_135_596_800n
const lastSecond = 253_402_300_799n
const mostNanos = 999_999_999

const known = new WeakMap<DescMessage, readonly (readonly DescField[])[]>()

/**
 * Throws `invalid_request` for a time that JSON could not say; only the binary form can bring one. The rules of the contract cannot:
 * what checks them fails on such a time. Times in lists and maps are not looked at; no request has any.
 */
export function requireTimes(schema: DescMessage, message: MessageShape<DescMessage>): void {
  let paths = known.get(schema)
  if (paths === undefined) known.set(schema, (paths = pathsToTimes(schema, [])))
  for (const path of paths) requireTime(path, schema, message)
}

/** The way to each time, through the messages that it is in; a message within itself is looked at once. */
function pathsToTimes(schema: DescMessage, within: readonly DescMessage[]): readonly (readonly DescField[])[] {
  return schema.fields.flatMap((field) => {
    if (field.fieldKind !== 'message' || within.includes(field.message)) return []
    if (field.message.typeName === TimestampSchema.typeName) return [[field]]
    return pathsToTimes(field.message, [...within, schema]).map((path) => [field, ...path])
  })
}

function requireTime(path: readonly DescField[], schema: DescMessage, message: MessageShape<DescMessage>): void {
  let at = reflect(schema, message)
  for (const field of path) {
    if (field.fieldKind !== 'message' || !at.isSet(field)) return
    at = at.get(field)
  }
  if (!isMessage(at.message, TimestampSchema)) return
  const { seconds, nanos } = at.message
  if (seconds >= firstSecond && seconds <= lastSecond && nanos >= 0 && nanos <= mostNanos) return
  const param = path.map(({ name }) => name).join('.')
  throw fail('invalid_request', `${param}: must be a time of the years 1 to 9999`, { param })
}
