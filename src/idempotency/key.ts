import { fail } from '../error/index.ts'

/** The header, or over RPC the metadata, by which a client says that it asks the same again. */
export const keyHeader = 'idempotency-key'

/** The key that a header gives. Throws `invalid_request` unless it is 1 to 255 visible characters of ASCII. */
export function readKey(header: string): string {
  if (/^[\x21-\x7e]{1,255}$/.test(header)) return header
  throw fail('invalid_request', 'the Idempotency-Key must be 1 to 255 visible ASCII characters', {
    param: 'Idempotency-Key',
  })
}
