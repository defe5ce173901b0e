import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import { decodeSignature, mayHoldForeign } from './signature.ts'

/**
 * The client's own body without the signatures that are another vendor's: a client that was answered by that vendor brings them
 * back, and Google is not to see them. Every other byte stays, unless there are any.
 */
export function withoutForeign(body: string, vendor: string): { readonly body: string; readonly dropped: string[] } {
  const dropped: string[] = []
  if (!mayHoldForeign(body)) return { body, dropped }
  const visit = (node: JsonValue, path: string): void => {
    if (node === null || typeof node !== 'object') return
    if (!Array.isArray(node)) unseal(node, vendor, path, dropped)
    for (const [key, member] of Object.entries(node))
      visit(member, Array.isArray(node) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`)
  }
  const value = JSON.parse(body) as JsonObject
  visit(value, '')
  return { body: JSON.stringify(value), dropped }
}

function unseal(part: JsonObject, vendor: string, path: string, dropped: string[]): void {
  for (const name of ['thoughtSignature', 'thought_signature']) {
    const sealed = part[name]
    if (typeof sealed !== 'string' || decodeSignature(sealed).signature.vendor === vendor) continue
    delete part[name]
    dropped.push(`${path}.${name}`)
  }
}
