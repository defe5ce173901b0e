import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fail } from './error.ts'
import { shownText, toConnectError } from './grpc.ts'

test('a text is shown as it is, as long as a header can have it', () => {
  for (const text of ['', 'no', 'größer als 😀', 'x'.repeat(3000)]) expect(shownText(text)).toBe(text)
})

test('of a longer one its beginning is shown, in whole characters', () => {
  expect(shownText('x'.repeat(3001))).toBe(`${'x'.repeat(3000)}…`)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.integer({ min: 20, max: 300 }), (text, bytes) => {
      const shown = shownText(text, bytes)
      expect(shown.isWellFormed()).toBe(true)
      expect(encodeURIComponent(shown.replace(/…$/, '')).length).toBeLessThanOrEqual(bytes)
    }),
  )
})

test('an error that quotes its caller fits into the trailers of gRPC', () => {
  const error = toConnectError(fail('invalid_request', '😀'.repeat(100_000), { param: 'ä'.repeat(100_000) }), 'r')
  const trailers = [...setTrailerStatus(new Headers(), error)]
  expect(trailers.flat().join('').length).toBeLessThan(8000)
})
