import { Buffer } from 'node:buffer'
import type { Signature } from '#gen/switchyard/v1/chat_pb.ts'

/** The vendor whose opaque values stand in `encrypted_content` as they are. */
const ownVendor = 'openai'
const mark = 'switchyard.'
/** How ids of items begin, behind their kind, that no provider made. */
export const madeHere = 'switchyard_'

/** An opaque value and what it belongs to. */
export interface Seal {
  readonly signature: Signature
  /** The reasoning of the same item, the text just before it, or a call of the answer. */
  readonly of: 'reasoning' | 'text' | 'call'
  /** The call's id. */
  readonly callId?: string
  /** True when the vendor withholds the reasoning's text. */
  readonly redacted?: boolean
}

/**
 * An opaque value as `encrypted_content`. OpenAI's own stands as it is; that of another vendor is wrapped with the vendor's name,
 * because the format has no other place for it, so that it comes back and {@link openSeal} tells whose it is.
 */
export function writeSeal({ signature, of, callId, redacted }: Seal): string {
  const { vendor, value } = signature
  if (vendor === ownVendor && of === 'reasoning') return value
  const fields = { vendor, value, of, ...(callId !== undefined && { callId }), ...(redacted === true && { redacted }) }
  return mark + Buffer.from(JSON.stringify(fields)).toString('base64url')
}

/** What an `encrypted_content` holds. What {@link writeSeal} did not wrap is OpenAI's. */
export function openSeal(content: string): Seal {
  const wrapped = isWrapped(content) ? parse(content.slice(mark.length)) : undefined
  return wrapped ?? { signature: signatureOf(ownVendor, content), of: 'reasoning' }
}

/** True for the wrapped value of a vendor other than OpenAI. */
export function isWrapped(content: string): boolean {
  return content.startsWith(mark)
}

/**
 * True for an item of reasoning that no provider of this format can read: what it holds is another vendor's, or it is an answer of
 * another format that was written here, of which only the words are known.
 */
export function isForeign(item: unknown): boolean {
  const { type, id, encrypted_content: sealed } = (item ?? {}) as Readonly<Record<string, unknown>>
  if (type !== 'reasoning') return false
  if (typeof sealed === 'string' && sealed !== '') return isWrapped(sealed)
  return typeof id === 'string' && id.startsWith(`rs_${madeHere}`)
}

function signatureOf(vendor: string, value: string): Signature {
  return { $typeName: 'switchyard.v1.Signature', vendor, value }
}

function parse(text: string): Seal | undefined {
  try {
    const fields = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown> | null
    const { vendor, value, of, callId, redacted } = fields ?? {}
    if (typeof vendor !== 'string' || typeof value !== 'string') return undefined
    if (of !== 'reasoning' && of !== 'text' && of !== 'call') return undefined
    return {
      signature: signatureOf(vendor, value),
      of,
      ...(typeof callId === 'string' && { callId }),
      ...(redacted === true && { redacted }),
    }
  } catch {
    return undefined
  }
}
