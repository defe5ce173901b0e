import { expect, test } from 'vitest'
import { traceHeadersOf } from './trace.ts'

const good = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const from = (headers: Readonly<Record<string, string>>) => traceHeadersOf((name) => headers[name])

test('takes a trace context as it was sent', () => {
  expect(from({ traceparent: good, tracestate: 'vendor=1,other=2' })).toEqual({
    traceparent: good,
    tracestate: 'vendor=1,other=2',
  })
})

test.each([
  '',
  'nonsense',
  `${good}-more`,
  good.toUpperCase(),
  good.replace('00-', 'ff-'),
  good.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
  good.replace('00f067aa0ba902b7', '0'.repeat(16)),
  `${good}\r\nx-evil: 1`,
])('passes on nothing of what is no traceparent: %j', (traceparent) => {
  expect(from({ traceparent, tracestate: 'vendor=1' })).toEqual({})
})

test('leaves out a tracestate that is none, or too long', () => {
  expect(from({ traceparent: good, tracestate: 'x'.repeat(513) })).toEqual({ traceparent: good })
  expect(from({ traceparent: good, tracestate: 'a\u0000b' })).toEqual({ traceparent: good })
  expect(from({ tracestate: 'vendor=1' })).toEqual({})
})
