import { holds } from '../core/admit.ts'
import type { Principal } from '../core/contract.ts'
import { isNamed } from '../dialects/model-names.ts'
import { isPermission, type Permission, permissions as known } from '../dialects/permissions.ts'
import { fail } from '../error/index.ts'

/** What a new key is to be able to do. */
export interface Grant {
  readonly permissions: readonly string[]
  /** Model names or prefixes ending in `*`; empty means all. */
  readonly models: readonly string[]
  /** Milliseconds since the epoch. */
  readonly expires: number | undefined
}

/** Throws `invalid_request` for what is no grant, and `permission_denied` for more than the creator itself may. */
export function checkGrant(creator: Principal, { permissions, models, expires }: Grant): void {
  for (const permission of permissions) {
    if (!isPermission(permission))
      throw fail('invalid_request', `"${permission.slice(0, 64)}" is no permission; there are: ${known.join(', ')}`, {
        param: 'permissions',
      })
  }
  for (const model of models) {
    if (model === '' || model.slice(0, -1).includes('*'))
      throw fail('invalid_request', 'models are names, or prefixes that end in "*"', { param: 'models' })
  }
  const beyond = permissions.filter((permission) => !holds(creator, permission as Permission))
  if (beyond.length > 0)
    throw fail('permission_denied', `a key cannot grant what its creator lacks: ${beyond.join(', ')}`, {
      param: 'permissions',
    })
  if (creator.models.length > 0 && (models.length === 0 || models.some((model) => !covers(creator.models, model))))
    throw fail('permission_denied', 'a key cannot grant models that its creator may not use', { param: 'models' })
  if (creator.expires !== undefined && (expires === undefined || expires > creator.expires))
    throw fail('permission_denied', 'a key cannot outlive its creator', { param: 'expires' })
}

/** True when everything that a pattern stands for is within one of the others. */
function covers(patterns: readonly string[], wanted: string): boolean {
  if (!wanted.endsWith('*')) return isNamed(wanted, patterns)
  const prefix = wanted.slice(0, -1)
  return patterns.some((pattern) => pattern.endsWith('*') && prefix.startsWith(pattern.slice(0, -1)))
}
