import type { Surface } from '../dialects/surface.ts'
import type { Provider } from '../provider/contract.ts'
import { authorize, type Keys } from './admit.ts'
import { Call, type CallSharing } from './call.ts'
import type { Core, LoadedProvider, Principal } from './contract.ts'
import { countTokens } from './count.ts'
import { recordRefusal } from './refusal.ts'
import { operations } from './operations/index.ts'
import { RetryBudget } from './retry.ts'

/** What a core is made of. */
export interface CoreParts extends Omit<CallSharing, 'budgetOf'> {
  readonly keys: Keys
  /** What a caller may ask beside calls to models. */
  readonly surface: (principal: Principal) => Surface
  /** What a model is for, as methods of the contract, by any name it may be asked for. */
  readonly operationsOf?: (model: string) => readonly string[]
}

/** Puts the core together: what the edge calls, and nothing it could reach around. */
export function createCore(parts: CoreParts): Core {
  const budgets = new WeakMap<Provider, RetryBudget>()
  const budgetOf = ({ provider }: LoadedProvider): RetryBudget => {
    const budget = budgets.get(provider) ?? new RetryBudget(parts.retries.budget)
    budgets.set(provider, budget)
    return budget
  }
  const shared: CallSharing = { ...parts, budgetOf }
  return {
    authenticate: (token) => parts.keys.authenticate(token),
    authorize,
    call: (operation, input, ledger) =>
      new Call(operations[operation], input, ledger === undefined ? shared : { ...shared, ledger }),
    countTokens: (input) => countTokens(input, shared),
    refuse: (refusal) => recordRefusal(parts, refusal),
    surface: parts.surface,
    operationsOf: (model) => parts.operationsOf?.(model) ?? [],
  }
}
