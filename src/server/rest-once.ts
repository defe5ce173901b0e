import { createHash } from 'node:crypto'
import type { Principal } from '../core/contract.ts'
import type { ServerDialect } from '../dialects/contract.ts'
import type { Form } from '../dialects/form.ts'
import { Fingerprint } from '../idempotency/fingerprint.ts'
import { keyHeader, readKey } from '../idempotency/key.ts'
import { onceName } from '../idempotency/name.ts'
import type { GivenAnswer, Once } from '../idempotency/once.ts'
import type { Turn } from '../idempotency/turn.ts'
import type { NodeRequest } from './guard.ts'
import { headerOf } from './reply.ts'

/** A request that names an idempotency key, and what is known so far of what it asks. */
export interface Keyed {
  readonly key: string
  readonly print: Fingerprint
}

/** Undefined for a request without a key. Throws `invalid_request` for a key that is none. */
export function keyedOf(request: NodeRequest, dialect: ServerDialect): Keyed | undefined {
  const header = headerOf(request, keyHeader)
  if (header === undefined) return undefined
  const strict = headerOf(request, 'x-switchyard-strict') === 'true'
  const asked = [request.method ?? '', request.url ?? '', dialect.name, ...(strict ? ['strict'] : [])]
  return { key: readKey(header), print: new Fingerprint(asked) }
}

/**
 * Adds a form to what is asked: its fields and files by what is in them. The boundary between them is another one each time that a
 * client sends it.
 */
export async function addForm(print: Fingerprint, { fields, files }: Form): Promise<void> {
  for (const field of fields) print.add(JSON.stringify(field))
  for (const [part, file] of files) {
    print.add(JSON.stringify([part, file.name, file.mediaType]))
    const content = createHash('sha256')
    for await (const piece of file.stream()) content.update(piece)
    print.add(content.digest())
  }
}

/** The turn of the request, or the answer it had before. Throws as `Once.begin` does, and `permission_denied` for a foreign account. */
export async function beginOnce(
  once: Once,
  { key, print }: Keyed,
  principal: Principal,
  account?: string,
): Promise<Turn | GivenAnswer> {
  return await once.begin(onceName(principal, key, account), print.digits())
}
