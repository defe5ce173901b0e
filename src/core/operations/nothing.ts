import { fail } from '../../error/index.ts'

/** What a provider gave that says it answers and then gives nothing to read: throws `provider_error`. */
export function nothing(): never {
  throw fail('provider_error', 'the provider gave no answer')
}
