import { expect, test } from 'vitest'
import { memberText } from './member-text.ts'

const { raw } = String

test.each([
  ['first', '{"args": {"a":1} , "z":2}', '{"a":1}'],
  ['last', '{"z":2,"args":\n[1.50, 12345678901234567890] }', '[1.50, 12345678901234567890]'],
  ['a number', '{"args":1e400}', '1e400'],
  ['a string', raw`{"args":"},\"args\":"}`, raw`"},\"args\":"`],
  ['spelled with escapes', raw`{"\u0061rgs":true}`, 'true'],
  ['beside one of the same name below', '{"x":{"args":1},"args":{"args":2}}', '{"args":2}'],
  ['after a value of the same name', '{"x":"args","y":["args"],"args":null}', 'null'],
  ['after strings that end in backslashes', raw`{"x":"\\","y\\":"\\\"","args":[]}`, '[]'],
])('finds a member that is %s', (_what, text, expected) => {
  JSON.parse(text)
  expect(memberText(text, 'args')).toBe(expected)
})

test.each(['{}', '{"x":{"args":1}}', '{"x":"args"}', '["args"]'])('finds none in %s', (text) => {
  expect(memberText(text, 'args')).toBeUndefined()
})
