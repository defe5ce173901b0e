import { Buffer } from 'node:buffer'

/** Numbers as base64 of little-endian 32-bit floats, as OpenAI's API and others write vectors. */
export function encodeVector(values: readonly number[]): string {
  const bytes = new DataView(new ArrayBuffer(values.length * 4))
  for (const [index, value] of values.entries()) bytes.setFloat32(index * 4, value, true)
  return Buffer.from(bytes.buffer).toString('base64')
}

/** A vector as an upstream wrote it: numbers, or base64 of little-endian 32-bit floats. Undefined for anything else. */
export function readVector(written: unknown): number[] | undefined {
  if (typeof written === 'string') return decodeVector(written)
  return Array.isArray(written) && written.every((value) => typeof value === 'number') ? written : undefined
}

function decodeVector(base64: string): number[] | undefined {
  const { buffer, byteOffset, byteLength } = Buffer.from(base64, 'base64')
  if (byteLength === 0 || byteLength % 4 !== 0) return undefined
  const bytes = new DataView(buffer, byteOffset, byteLength)
  return Array.from({ length: byteLength / 4 }, (_, index) => bytes.getFloat32(index * 4, true))
}
