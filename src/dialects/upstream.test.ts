import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { problemOf, retryAfter, upstreamError } from './upstream.ts'

const now = Date.parse('2026-01-02T03:04:05Z')
const headers = (fields: Readonly<Record<string, string>>) => (name: string) => fields[name]

describe('the time to wait', () => {
  test.each([
    [{ 'retry-after': '7' }, 7],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': ' 12 ' }, 12],
    [{ 'retry-after': '1.2' }, 2],
    [{ 'retry-after': '3600' }, 3600],
    [{ 'retry-after': 'Fri, 02 Jan 2026 03:04:35 GMT' }, 30],
    [{ 'retry-after': 'Friday, 02-Jan-26 03:04:35 GMT' }, 30],
    [{ 'retry-after': '2026-01-02T03:04:05.500Z' }, 1],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:00 GMT' }, 0],
    [{ 'retry-after-ms': '1500' }, 2],
    [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 2],
    [{ 'retry-after-ms': 'soon', 'retry-after': '9' }, 9],
    [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6m0s' }, 360],
    [{ 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '120ms' }, 1],
    [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1h2m3s' }, 3723],
    [
      {
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '1s',
        'x-ratelimit-remaining-tokens': '0',
        'x-ratelimit-reset-tokens': '17',
      },
      17,
    ],
    [{ 'x-ratelimit-remaining-requests': '3', 'x-ratelimit-reset-requests': '1h' }, undefined],
    [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': 'later' }, undefined],
    [{ 'retry-after': 'later' }, undefined],
    [{ 'retry-after': 'Infinity' }, undefined],
    [{}, undefined],
  ] as const)('of %j is %s s', (fields, expected) => {
    expect(retryAfter(headers(fields), now)).toBe(expected)
  })

  test('is a whole number of seconds or none, whatever the headers say', () => {
    const value = fc.oneof(
      fc.string(),
      fc.double().map(String),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
      fc.constantFrom('-1', '1e3', '0x10', '', 'NaN', '9'.repeat(40)),
    )
    fc.assert(
      fc.property(value, value, value, (one, two, three) => {
        const fields = {
          'retry-after': one,
          'retry-after-ms': two,
          'x-ratelimit-remaining-requests': '0',
          'x-ratelimit-reset-requests': three,
        }
        const seconds = retryAfter(headers(fields), now)
        if (seconds !== undefined) expect(String(seconds)).toMatch(/^\d+$/)
      }),
      { numRuns: 1000 },
    )
  })

  test.each([
    ['34.07s', 35],
    ['0s', 0],
    ['12', 12],
    ['soon', undefined],
  ])('may be told in the body as well: %s', (retryDelay, expected) => {
    const details = [
      { '@type': 'type.googleapis.com/google.rpc.Help' },
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay },
    ]
    expect(problemOf({ error: { message: 'x', details } }, 429).retryAfterSeconds).toBe(expected)
  })
})

describe('an envelope', () => {
  test.each([
    [{ error: { message: 'm', type: 't', code: 'c', param: 'p' } }, { message: 'm', type: 't', code: 'c', param: 'p' }],
    [{ error: 'm' }, { message: 'm' }],
    [
      { message: 'm', type: 't' },
      { message: 'm', type: 't' },
    ],
    [{ detail: 'm' }, { message: 'm' }],
    [{ detail: [{ msg: 'm', loc: ['a'] }] }, { message: 'a: m', param: 'a' }],
    [{ detail: { msg: 'm' } }, { message: 'm' }],
    // What Mistral answers with 422, as its clients quote it in their issues; then Azure's (test/wire/cases/azure-openai-chat).
    [
      { object: 'error', message: { detail: [{ loc: ['body', 'input', 0], msg: 'm' }] }, type: 't', param: null },
      { message: 'input.0: m', type: 't', param: 'input.0' },
    ],
    [
      { error: { message: 'm', details: [{ loc: ['body', 'tool_choice'], msg: 'a string' }] } },
      { message: 'm', param: 'tool_choice' },
    ],
    [
      { message: { detail: 7 }, detail: [null] },
      { message: '', param: undefined },
    ],
    [{ detail: [{ msg: 'm', loc: 'x' }] }, { message: 'm', param: undefined }],
    [{ detail: [{ msg: 'm', loc: ['body'] }] }, { message: 'm', param: undefined }],
    [[{ error: { message: 'm', code: 400 } }], { message: 'm', code: undefined }],
    [{ error: { message: 'm' }, message: 'outer' }, { message: 'm' }],
    [{ error: {}, message: 'outer' }, { message: 'outer' }],
    ['plain words', { message: 'plain words' }],
    ['', { message: '' }],
    [null, { message: '' }],
    [7, { message: '' }],
    [[], { message: '' }],
    [
      { error: { message: 7, type: [], code: {}, param: null } },
      { message: '', type: undefined, code: undefined, param: undefined },
    ],
  ])('%j is read', (body, expected) => {
    expect(problemOf(body, 400)).toMatchObject({ ...expected, status: 400 })
  })

  test.each([
    [{ error: { code: 429 } }, 429],
    [{ error: { code: '503' } }, 503],
    [{ error: { status: 404 } }, 404],
    [{ error: { status_code: 400, code: 500 } }, 400],
    [{ error: { code: 200 } }, 502],
    [{ error: { code: 9999 } }, 502],
    [{ error: { type: 'invalid_request_error' } }, 400],
    [{ error: { type: 'authentication_error' } }, 401],
    [{ error: { code: 'invalid_api_key' } }, 401],
    [{ error: { status: 'PERMISSION_DENIED' } }, 403],
    [{ error: { status: 'RESOURCE_EXHAUSTED' } }, 429],
    [{ error: { type: 'insufficient_quota' } }, 429],
    [{ error: { type: 'overloaded_error' } }, 503],
    [{ error: { status: 'UNAVAILABLE' } }, 503],
    [{ error: { type: 'not_found_error' } }, 404],
    [{ error: { status: 'INVALID_ARGUMENT' } }, 400],
    [{ error: { type: 'server_error' } }, 502],
    [{ error: 'words' }, 502],
    ['words', 502],
  ])('%j inside a success stands for %i', (body, status) => {
    expect(problemOf(body).status).toBe(status)
  })

  test('of any shape is read without harm', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.option(fc.integer({ min: 300, max: 599 }), { nil: undefined }), (body, status) => {
        const error = upstreamError(problemOf(body, status))
        expect(error.message).not.toBe('')
        expect(error.status).toBeGreaterThanOrEqual(400)
      }),
    )
  })
})

describe("an upstream's failure", () => {
  test.each([
    [400, 'invalid_request', 400, false],
    [401, 'provider_credential', 502, false],
    [402, 'provider_credential', 502, false],
    [403, 'provider_credential', 502, false],
    [404, 'not_found', 404, false],
    [408, 'request_timeout', 408, true],
    [409, 'conflict', 409, true],
    [413, 'payload_too_large', 413, false],
    [415, 'unsupported_media_type', 415, false],
    [418, 'provider_error', 502, true],
    [422, 'unprocessable', 422, false],
    [429, 'rate_limited', 429, true],
    [500, 'provider_error', 502, true],
    [501, 'provider_error', 502, true],
    [502, 'provider_error', 502, true],
    [503, 'provider_unavailable', 503, true],
    [504, 'provider_error', 502, true],
    [529, 'provider_unavailable', 503, true],
    [302, 'provider_error', 502, true],
  ] as const)('of status %i is %s', (status, reason, shown, retryable) => {
    const error = upstreamError({ status, message: 'words' })
    expect([error.reason, error.status, error.retryable]).toEqual([reason, shown, retryable])
  })

  test("says nothing of the gateway's own credential", () => {
    const error = upstreamError({
      status: 401,
      message: 'key sk-secret of org acme is bad',
      type: 'x',
      code: 'y',
      param: 'z',
    })
    expect(JSON.stringify([error.message, error.details])).not.toMatch(/acme|secret|"[xyz]"/)
  })

  test.each(['code', 'type'] as const)('of a spent quota is not worth another try (%s)', (field) => {
    expect(upstreamError({ status: 429, message: 'x', [field]: 'insufficient_quota' }).retryable).toBe(false)
  })

  test('keeps the field at fault, the words and the code, as far as they are harmless', () => {
    const error = upstreamError({
      status: 400,
      message: 'too long, see https://x.example/y',
      type: 'invalid_request_error',
      code: 'context_length_exceeded',
      param: 'messages',
    })
    expect([error.message, error.details]).toEqual([
      'too long, see [url]',
      expect.objectContaining({
        param: 'messages',
        upstream: { status: 400, type: 'invalid_request_error', code: 'context_length_exceeded' },
      }),
    ])
  })

  test.each(['sk-proj-abcdefghijkl', 'see https://x.example', 'x'.repeat(101), 'two\nlines', '{"a":1}', '10.0.0.1'])(
    'has no code and no type such as %j',
    (word) => {
      expect(upstreamError({ status: 400, message: 'x', code: word, type: word }).details.upstream).toEqual({
        status: 400,
      })
    },
  )
})
