import { expect, test } from 'vitest'
import { LineChecker } from './check-line.ts'

const refusal = (method: string, url: string) =>
  method === 'POST' && url.startsWith('/v1/') ? undefined : { code: 'invalid_url', message: `no ${method} ${url}` }

function checked(text: string, checker = new LineChecker(refusal, '')) {
  return checker.check({ line: 7, text })
}

test('a request is taken with its body as it was written', () => {
  const body = '{"model":"m", "n": 1.0, "big": 123456789012345678901, "s": "}\\"{"}'
  expect(checked(`{"custom_id":"a","method":"POST","url":"/v1/x","body":${body},"more":1}`)).toEqual({
    line: 7,
    customId: 'a',
    method: 'POST',
    url: '/v1/x',
    body,
  })
})

test.each([
  ['no JSON', '{"custom_id":"a"', 'invalid_json_line', ''],
  ['no object', '[1]', 'invalid_line', ''],
  ['null', 'null', 'invalid_line', ''],
  ['no id', '{"method":"POST","url":"/v1/x","body":{}}', 'invalid_line', ''],
  ['an empty id', '{"custom_id":"","method":"POST","url":"/v1/x","body":{}}', 'invalid_line', ''],
  ['an id with NUL', '{"custom_id":"a\\u0000b","method":"POST","url":"/v1/x","body":{}}', 'invalid_line', 'a\uFFFDb'],
  ['a path with NUL', '{"custom_id":"a","method":"POST","url":"/v1/\\u0000","body":{}}', 'invalid_line', 'a'],
  ['an endless id', `{"custom_id":"${'x'.repeat(600)}","method":"POST"}`, 'invalid_line', 'x'.repeat(512)],
  ['a body that is text', '{"custom_id":"a","method":"POST","url":"/v1/x","body":"{}"}', 'invalid_line', 'a'],
  ['a body that is a list', '{"custom_id":"a","method":"POST","url":"/v1/x","body":[]}', 'invalid_line', 'a'],
  [
    'a name twice',
    '{"custom_id":"a","custom_id":"b","method":"POST","url":"/v1/x","body":{}}',
    'invalid_json_line',
    '',
  ],
  ['half a surrogate pair', '{"custom_id":"\\ud800","method":"POST","url":"/v1/x","body":{}}', 'invalid_json_line', ''],
  ['another method', '{"custom_id":"a","method":"GET","url":"/v1/x","body":{}}', 'invalid_url', 'a'],
  ['another path', '{"custom_id":"a","method":"POST","url":"/x","body":{}}', 'invalid_url', 'a'],
  [
    'levels without end',
    `{"custom_id":"a","method":"POST","url":"/v1/x","body":${'{"a":'.repeat(99)}1${'}'.repeat(99)}}`,
    'invalid_json_line',
    '',
  ],
])('with %s it is an error line', (_what, text, code, customId) => {
  expect(checked(text)).toMatchObject({
    line: 7,
    customId,
    body: '',
    problem: { code, message: expect.stringMatching(/./) },
  })
})

test('an id can be used once, by a line that is a request', () => {
  const checker = new LineChecker(refusal, '')
  const line = (url: string) =>
    checked(`{"custom_id":"a","method":"POST","url":"${url}","body":{}}`, checker).problem?.code
  expect([line('/x'), line('/v1/x'), line('/v1/x')]).toEqual(['invalid_url', undefined, 'duplicate_custom_id'])
})

test('every line asks for the endpoint of its batch', () => {
  const checker = new LineChecker(refusal, '/v1/x')
  const line = (id: string, url: string) =>
    checked(`{"custom_id":"${id}","method":"POST","url":"${url}","body":{}}`, checker).problem?.code
  expect([line('a', '/v1/x'), line('b', '/v1/y')]).toEqual([undefined, 'mismatched_url'])
})
