import type { Registry } from './resolve.ts'

/**
 * The registry as it changes while calls are under way. A call holds the registry it began with: its route stays as it was, and the
 * providers of that route stay open until the last call that holds them is over.
 */
export interface LiveRegistry {
  /** The registry of this moment, for what is over at once. */
  readonly current: Registry
  /** The registry of this moment, until it is released as often as it was held. */
  hold(): Registry
  release(registry: Registry): void
}

/** A registry that never changes. */
export function fixedRegistry(registry: Registry): LiveRegistry {
  return { current: registry, hold: () => registry, release() {} }
}
