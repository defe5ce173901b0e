import fc from 'fast-check'
import { position } from './json-edits.ts'

/** One change to the bytes. */
export type ByteEdit =
  | { readonly kind: 'cut' | 'flip'; readonly at: number; readonly with: number }
  | { readonly kind: 'remove'; readonly at: number; readonly length: number }
  | { readonly kind: 'insert' | 'overwrite'; readonly at: number; readonly text: string }

const garbage = [
  '\0',
  '\u00ff',
  '\n\n',
  '\r\n\r\n',
  'data: ',
  'data: [DONE]\n\n',
  '{',
  '}',
  '"',
  '\\',
  ']',
  ',',
  ':',
  '\u{1f600}',
  '\ufeff',
  ': x\n\n',
  'event: error\n',
]

const byteEdit: fc.Arbitrary<ByteEdit> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('cut', 'cut', 'flip'),
      at: position,
      with: fc.integer({ min: 1, max: 255 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('remove'), at: position, length: fc.integer({ min: 1, max: 60 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('insert', 'overwrite'),
      at: position,
      text: fc.constantFrom(...garbage),
    }),
  },
)

/** Nothing but a cut, anywhere. */
export const cutAlone: fc.Arbitrary<readonly ByteEdit[]> = position.map((at) => [{ kind: 'cut', at, with: 0 }])

/** A few changes of any kind. */
export const someBytes: fc.Arbitrary<readonly ByteEdit[]> = fc.array(byteEdit, { maxLength: 4 })

/** The bytes with one change made. */
export function editBytes(bytes: Buffer, edit: ByteEdit): Buffer {
  if (bytes.length === 0) return bytes
  const at = edit.at % bytes.length
  switch (edit.kind) {
    case 'cut':
      return bytes.subarray(0, at)
    case 'flip': {
      const copy = Buffer.from(bytes)
      copy.writeUInt8((bytes[at] ?? 0) ^ edit.with, at)
      return copy
    }
    case 'remove':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + edit.length)])
    case 'insert':
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(edit.text), bytes.subarray(at)])
    case 'overwrite':
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(edit.text),
        bytes.subarray(at + Buffer.byteLength(edit.text)),
      ])
    default:
      return edit satisfies never
  }
}
