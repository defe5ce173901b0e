import { expect, test } from 'vitest'
import { gatewayWith } from '../services/gateway.ts'
import { flags, frame, frames, rawHttp2, readFrames, times } from './raw.ts'

test('a request that is refused half read keeps no connection of HTTP/2 open', async () => {
  const gateway = await gatewayWith({ server: { host: '127.0.0.1', port: 0, drain_seconds: 300 } })
  const client = await rawHttp2(gateway.port)
  const head = frame(frames.headers, flags.endHeaders, 1, headers('/v1/audio/transcriptions', 'text/plain'))
  client.send(Buffer.concat([head, times(3, () => frame(frames.data, 0, 1, Buffer.alloc(16_000, 255)))]))
  await client.until(() => readFrames(client.received).some((each) => each.type === frames.reset), 'the reset')
  expect(readFrames(client.received).find((each) => each.type === frames.reset)?.payload).toEqual(Buffer.alloc(4))
  client.send(frame(frames.goaway, 0, 0, Buffer.alloc(8)))
  client.socket.end()
  // Would wait for the drain time as long as a connection is left.
  await gateway.stop()
})

/** The head of a POST, by HPACK's static table and literals. */
function headers(path: string, type: string): Buffer {
  const begin = Buffer.from([0x83, 0x86, 0x41, 1, 0x78])
  return Buffer.concat([begin, literal([0x04], path), literal([0x0f, 0x10], type)])
}

function literal(name: readonly number[], value: string): Buffer {
  return Buffer.concat([Buffer.from([...name, value.length]), Buffer.from(value)])
}
