import { fail } from '../error/index.ts'

/**
 * Throws `invalid_request` for a number that JSON could not say, such as infinity in the schema of a tool; only the binary form can
 * bring one. The rules of the contract have no say in values that it leaves open.
 */
export function requireNumbers(message: object): void {
  for (const [name, value] of Object.entries(message)) requireNumber(value, name)
}

function requireNumber(value: unknown, path: string): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw fail('invalid_request', `${path}: must be a finite number`, { param: path })
  }
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return
  if (Array.isArray(value)) value.forEach((item, index) => requireNumber(item, `${path}[${index}]`))
  else if (isOneof(value)) requireNumber(value.value, path.replace(/[^.]*$/, value.case))
  else for (const [name, member] of Object.entries(value)) requireNumber(member, `${path}.${name}`)
}

/** Which of several fields is there, under a name that the contract does not show. */
function isOneof(value: object): value is { readonly case: string; readonly value: unknown } {
  return 'case' in value && typeof value.case === 'string' && Object.keys(value).join(' ') === 'case value'
}
