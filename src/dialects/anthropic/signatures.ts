import type { Signature } from '#gen/switchyard/v1/chat_pb.ts'

/** The vendor whose signatures this format has a place for as they are. */
export const ownVendor = 'anthropic'

/** What in an answer a value belongs to, where it does not stand on it. */
export type Bearer = { readonly of: 'reasoning' | 'text' } | { readonly of: 'call'; readonly id: string }

/** A value and what it belongs to. */
export interface Sealed {
  readonly signature: Signature
  readonly bearer: Bearer
}

const mark = 'switchyard:'

/**
 * Writes a signature into the one string this format has for it. The vendor's own goes as it is; another vendor's is labelled,
 * so that it finds its way back to that vendor, and to no other, when the client sends the conversation again. What has no place
 * of its own for a signature here, text and calls, gets one in a block of redacted thinking: clients hand those back untouched.
 */
export function seal(signature: Signature, bearer: Bearer): string {
  const { vendor, value } = signature
  return vendor === ownVendor && bearer.of === 'reasoning'
    ? value
    : mark + JSON.stringify({ vendor, value, ...(bearer.of !== 'reasoning' && bearer) })
}

/** Reads what {@link seal} wrote; any other text is a signature of the format's own vendor. */
export function unseal(text: string): Sealed {
  const own: Sealed = { signature: signatureOf(ownVendor, text), bearer: { of: 'reasoning' } }
  if (!isLabelled(text)) return own
  try {
    const { vendor, value, of, id } = JSON.parse(text.slice(mark.length)) as Record<string, unknown>
    if (typeof vendor !== 'string' || typeof value !== 'string') return own
    const signature = signatureOf(vendor, value)
    if (of === 'call' && typeof id === 'string') return { signature, bearer: { of, id } }
    return { signature, bearer: { of: of === 'text' ? 'text' : 'reasoning' } }
  } catch {
    return own
  }
}

/** True for what {@link seal} labelled: it must not go to the format's own vendor as it stands. */
export function isLabelled(text: string): boolean {
  return text.startsWith(mark)
}

/** A signature of a vendor. */
export function signatureOf(vendor: string, value: string): Signature {
  return { $typeName: 'switchyard.v1.Signature', vendor, value }
}
