import { Buffer } from 'node:buffer'

/** The bytes before the samples. */
const headLength = 44

/** The head of a WAV file with so many bytes of samples: one channel, sixteen bits a sample, little-endian. */
export function wavHead(bytes: number, samplesPerSecond: number): Uint8Array {
  const head = Buffer.alloc(headLength)
  head.write('RIFF', 0, 'latin1')
  head.writeUInt32LE(headLength - 8 + bytes, 4)
  head.write('WAVEfmt ', 8, 'latin1')
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(samplesPerSecond, 24)
  head.writeUInt32LE(samplesPerSecond * 2, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36, 'latin1')
  head.writeUInt32LE(bytes, 40)
  return head
}

/** A WAV file of samples as {@link wavHead} describes them. */
export function wavOf(samples: Uint8Array, samplesPerSecond: number): Uint8Array {
  return Buffer.concat([wavHead(samples.length, samplesPerSecond), samples])
}
