import type { Surface } from '../dialects/surface.ts'
import { authorize, type Keys } from './admit.ts'
import { type CallSharing, Chat } from './call.ts'
import type { Core, Principal } from './contract.ts'
import { countTokens } from './count.ts'
import { recordRefusal } from './meter.ts'
import { RetryBudget } from './retry.ts'

/** What a core is made of. */
export interface CoreParts extends Omit<CallSharing, 'budgets'> {
  readonly keys: Keys
  /** What a caller may ask beside calls to models. */
  readonly surface: (principal: Principal) => Surface
}

/** Puts the core together: what the edge calls, and nothing it could reach around. */
export function createCore(parts: CoreParts): Core {
  const budgets = new Map(
    parts.registry.providers.map(({ record }) => [record.id, new RetryBudget(parts.retries.budget)]),
  )
  const shared: CallSharing = { ...parts, budgets }
  return {
    authenticate: (token) => parts.keys.authenticate(token),
    authorize,
    chat: (input) => new Chat(input, shared),
    countTokens: (input) => countTokens(input, shared),
    refuse: (refusal) => recordRefusal(parts.recorder, refusal),
    surface: parts.surface,
  }
}
