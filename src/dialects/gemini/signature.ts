import { Buffer } from 'node:buffer'
import type { Signature } from '#gen/switchyard/v1/chat_pb.ts'

/** Google's own signatures are said to be of this vendor, whichever of its APIs they come from. */
export const googleVendor = 'gemini'

/** What a `thoughtSignature` says: whose it is, and whether it stands for reasoning that its vendor withholds. */
export interface Sealed {
  readonly signature: Signature
  readonly redacted: boolean
}

/** How the wrapping of another vendor's signature begins, in base64: a multiple of three bytes, so that it is always the same. */
const mark = '{"switchyard": '
const markInBase64 = Buffer.from(mark).toString('base64')

/**
 * A signature as clients of this format keep it: Google's as it is, another vendor's wrapped with the vendor's name, since the
 * field holds base64 of anything. So it survives the client, and finds its way back to its vendor alone.
 */
export function encodeSignature({ vendor, value }: Signature, redacted = false): string {
  if (vendor === googleVendor) return value
  const wrapped = JSON.stringify({ vendor, value, ...(redacted && { redacted }) })
  return Buffer.from(`${mark}${wrapped}}`).toString('base64')
}

/** True for a text that may hold another vendor's signature, or this gateway's wrapping of one. */
export function mayHoldForeign(text: string): boolean {
  return text.includes(markInBase64)
}

/** Reads what {@link encodeSignature} wrote; anything else is Google's. */
export function decodeSignature(text: string): Sealed {
  const plain = { signature: signature(googleVendor, text), redacted: false }
  if (!text.startsWith(markInBase64)) return plain
  try {
    const { switchyard } = JSON.parse(Buffer.from(text, 'base64').toString()) as {
      switchyard?: Record<string, unknown>
    }
    const { vendor, value, redacted } = switchyard ?? {}
    if (typeof vendor !== 'string' || typeof value !== 'string') return plain
    return { signature: signature(vendor, value), redacted: redacted === true }
  } catch {
    return plain
  }
}

/** An opaque value of a vendor. */
export function signature(vendor: string, value: string): Signature {
  return { $typeName: 'switchyard.v1.Signature', vendor, value }
}
