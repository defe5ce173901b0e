import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scrub } from './scrub.ts'

describe('a message of a vendor', () => {
  test.each([
    ['Invalid value: expected one of "low", "high"', undefined],
    ["messages[2].content[0].type: Input should be 'text'", undefined],
    ["This model's maximum context length is 8192 tokens. However, you requested 10000 tokens", undefined],
    ['Rate limit reached for gpt-4o in organization: Limit 3, Used 3. Please try again in 20s.', undefined],
    ['claude-3-5-sonnet-20241022 is not available', undefined],
    ['see https://platform.openai.com/docs/errors for more', 'see [url] for more'],
    ['ftp://u:p@files.example/x and http://10.0.0.1:8080/y?k=1', '[url] and [url]'],
    ['Incorrect API key provided: sk-proj-abcdefghijkl', 'Incorrect API key provided: [credential]'],
    ['key sk-abc***wxyz12 is wrong', 'key [credential] is wrong'],
    ['Authorization: Bearer abc.def.ghi failed', 'Authorization: [credential] failed'],
    ['AIzaSyA1234567890abcdefg', '[credential]'],
    ['AKIAIOSFODNN7EXAMPLE', '[credential]'],
    ['jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc', 'jwt [credential]'],
    ['token 0123456789abcdef0123456789abcdef', 'token [credential]'],
    ['dial tcp 10.1.2.3:8443: connect: connection refused', 'dial tcp [host]: connect: connection refused'],
    ['upstream [fe80::1]:443 failed', 'upstream [host] failed'],
    ['localhost:11434 refused', '[host] refused'],
    ['could not reach vllm-7.models.internal:8000', 'could not reach [host]'],
    ['line one\u0000\u001b[31m\u0007 line two', 'line one  [31m  line two'],
  ])('%j becomes %j', (message, expected = message) => {
    expect(scrub(message)).toBe(expected)
  })

  test('loses secrets whatever they look like, all of them, everywhere', () => {
    expect(scrub('a hunter2 and Hunter2, hunter2hunter2', ['hunter2'])).toBe(
      'a [credential] and Hunter2, [credential][credential]',
    )
    expect(scrub('one two', ['one', 'two'])).toBe('one two')
    expect(scrub('alpha beta', ['alpha', 'beta'])).toBe('[credential] [credential]')
  })

  test('is cut when it is long, but never in the middle of a word that may be half a secret', () => {
    const secret = 'opaque-secret-without-a-pattern'
    for (let before = 1960; before <= 2010; before++) {
      const text = scrub(`${'x'.repeat(before - 1)} ${secret} and more ${'y'.repeat(100)}`)
      expect(text.length).toBeLessThanOrEqual(2000)
      if (!text.includes(secret)) expect(text).not.toContain('opa')
    }
    expect(scrub('z'.repeat(5000))).toBe('')
  })

  test('never shows a secret, wherever it stands', () => {
    const secret = fc.string({
      unit: fc.constantFrom('a', 'b', 'X', 'Z', '0', '9', '-', '_', '.', '+', '/', '='),
      minLength: 8,
      maxLength: 60,
    })
    fc.assert(
      fc.property(fc.string(), secret, fc.string(), (before, hidden, after) => {
        expect(scrub(before + hidden + after, [hidden])).not.toContain(hidden)
      }),
    )
  })

  test('is dealt with quickly, whatever it is', () => {
    for (const piece of ['a.', 'a-', '1.1.1.', 'sk-', 'Bearer ', 'http://', 'eyJ', '[:', 'x', '0a', '%', '😀']) {
      expect(scrub(piece.repeat(200_000)).length).toBeLessThanOrEqual(40_000)
    }
  })
})
