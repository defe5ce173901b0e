import { EventStreamCodec } from '@smithy/eventstream-codec'
import { expect, test } from 'vitest'
import { decodeBytes } from '../../../test/wire/readers/decoding.ts'
import { spokenBy } from '../../../test/wire/readers/spoken.ts'
import { bedrockClient } from './client.ts'
import { frameReader } from './frames.ts'

// By hand, after the reference: no recording has an exception in a stream, nor a tool that the vendor runs.
const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes)),
  (text) => new TextEncoder().encode(text),
)
const binary = 'application/vnd.amazon.eventstream'

function frame(headers: Record<string, string>, payload: object): Uint8Array {
  const entries = Object.entries(headers).map(([name, value]) => [name, { type: 'string' as const, value }])
  return codec.encode({
    headers: Object.fromEntries(entries) as Parameters<typeof codec.encode>[0]['headers'],
    body: new TextEncoder().encode(JSON.stringify(payload)),
  })
}
const event = (type: string, payload: object): Uint8Array =>
  frame({ ':message-type': 'event', ':event-type': type, ':content-type': 'application/json' }, payload)
const exception = (type: string, message: string): Uint8Array =>
  frame({ ':message-type': 'exception', ':exception-type': type }, { message })
const said = event('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'Hel' } })

test.each([
  ['throttlingException', 'rate_limited'],
  ['validationException', 'invalid_request'],
  ['modelTimeoutException', 'request_timeout'],
  ['serviceUnavailableException', 'provider_unavailable'],
  ['internalServerException', 'provider_error'],
  ['modelStreamErrorException', 'provider_error'],
  ['somethingNewException', 'provider_error'],
])('%s in a stream is %s, and what was said before it stays said', (type, reason) => {
  const { events, failure } = decodeBytes(bedrockClient, [said, exception(type, 'no more')], binary)
  expect(failure?.reason).toBe(reason)
  expect(spokenBy(events).text).toBe('Hel')
})

test('an error frame without an exception is an error too', () => {
  const broken = frame({ ':message-type': 'error', ':error-code': 'InternalError', ':error-message': 'oh' }, {})
  expect(decodeBytes(bedrockClient, [said, broken], binary).failure?.reason).toBe('provider_error')
})

test('frames are put together however their bytes arrive, one by one too', () => {
  const bytes = Buffer.concat([said, event('messageStop', { stopReason: 'end_turn' })])
  const reader = frameReader()
  const messages = [...bytes].flatMap((byte) => reader.read(Uint8Array.of(byte)))
  expect(messages.map((message) => message.event)).toEqual(['contentBlockDelta', 'messageStop'])
})

test('bytes that are no frames are told once, and never waited for', () => {
  const reader = frameReader()
  expect(reader.read(Buffer.from('<html>Bad gateway</html>'))).toMatchObject([{ event: 'exception' }])
  expect(reader.read(said)).toEqual([])
})

test('a call without arguments has none, and every call keeps its place', () => {
  const start = (contentBlockIndex: number, name: string): Uint8Array =>
    event('contentBlockStart', { contentBlockIndex, start: { toolUse: { toolUseId: `id_${name}`, name } } })
  const pieces = [start(1, 'now'), event('contentBlockStop', { contentBlockIndex: 1 }), start(3, 'look')]
  const given = event('contentBlockDelta', { contentBlockIndex: 3, delta: { toolUse: { input: '{"at":1}' } } })
  const { events, failure } = decodeBytes(
    bedrockClient,
    [...pieces, given, event('messageStop', { stopReason: 'end_turn' })],
    binary,
  )
  expect(failure).toBeUndefined()
  expect(spokenBy(events).calls).toEqual([
    { id: 'id_now', name: 'now', input: {} },
    { id: 'id_look', name: 'look', input: { at: 1 } },
  ])
  expect(events.at(-1)?.event.value).toMatchObject({ upstreamReason: 'end_turn', reason: 3 })
})

test('a tool that the vendor runs is its own piece, not a call to be answered', () => {
  const toolUse = { toolUseId: 's1', name: 'nova_grounding', type: 'server_tool_use' }
  const { events } = decodeBytes(
    bedrockClient,
    [
      event('contentBlockStart', { contentBlockIndex: 0, start: { toolUse } }),
      event('contentBlockDelta', { contentBlockIndex: 0, delta: { toolUse: { input: '{"q":"x"}' } } }),
      event('contentBlockStop', { contentBlockIndex: 0 }),
      event('messageStop', { stopReason: 'end_turn' }),
    ],
    binary,
  )
  const [piece] = events.flatMap((one) => (one.event.case === 'providerPart' ? [one.event.value] : []))
  expect(piece).toMatchObject({ vendor: 'bedrock', type: 'toolUse' })
  expect(JSON.parse(piece?.json ?? '')).toEqual({ toolUse: { ...toolUse, input: { q: 'x' } } })
  expect(spokenBy(events).calls).toEqual([])
})

test.each(['malformed_tool_use', 'malformed_model_output'])('%s is not a normal stop', (stopReason) => {
  const { failure } = decodeBytes(bedrockClient, [said, event('messageStop', { stopReason })], binary)
  expect(failure?.reason).toBe('provider_error')
})
