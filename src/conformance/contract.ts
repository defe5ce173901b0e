import type { CallContext, Provider } from '../provider/contract.ts'

/** What is examined: something that answers calls, wherever it runs. */
export interface Subject extends AsyncDisposable {
  /** For people: a plugin's type, or an address. */
  readonly name: string
  readonly kind: 'plugin' | 'remote' | 'gateway'
  readonly provider: Provider
  /** The model that is asked, in the subject's own words. */
  readonly model: string
  /** What every call to the subject brings along, beside its signal and whether it streams. */
  readonly surroundings: Pick<CallContext, 'egress' | 'log' | 'credential'>
  /** How many answers are being made right now at the far end, where that can be seen. */
  readonly running?: () => number | Promise<number>
}

/** What became of a check. `not supported`: the subject said so itself, or has no model to try it with. */
export type Verdict = 'pass' | 'fail' | 'not supported'

/** One line of the scorecard. */
export interface Outcome {
  readonly operation: string
  readonly feature: string
  readonly mandatory: boolean
  readonly verdict: Verdict
  /** Why, where it is not a pass; empty otherwise. */
  readonly note: string
}

/** Everything that was found out about one subject. */
export interface Scorecard {
  readonly subject: string
  readonly kind: Subject['kind']
  readonly model: string
  readonly outcomes: readonly Outcome[]
  /** False when a mandatory check failed. */
  readonly conforms: boolean
}

/** A subject while it is examined: one check's signal, and the models that fail on purpose. */
export interface Exam {
  readonly subject: Subject
  /** Aborted when the check has taken too long. */
  readonly signal: AbortSignal
  readonly drills: Drills
}

/**
 * Models that a subject lists because they misbehave on purpose, by the names that `docs/plugins.md` gives them: faults that no
 * well-behaved model can show. Undefined or empty where a subject has none.
 */
export interface Drills {
  /** Never says anything. */
  readonly hang?: string
  /** Says so many deltas, and then nothing more. */
  readonly hangAfter?: DrillAfter
  /** Says so many deltas, and then the connection is gone. */
  readonly cutAfter?: DrillAfter
  /** Says so many deltas, and then that it failed. */
  readonly errorAfter?: DrillAfter
  /** Calls two tools at once. */
  readonly parallelCalls?: string
  /** Fail as an upstream does that answers with the HTTP status. */
  readonly statuses: readonly { readonly status: number; readonly model: string }[]
}

/** A model whose fault comes after so many deltas. */
export interface DrillAfter {
  readonly model: string
  readonly deltas: number
}

/** One thing a subject is asked to show. */
export interface Check {
  readonly operation: 'chat' | 'tokens' | 'models'
  readonly feature: string
  /** True: whoever fails it breaks the contract. */
  readonly mandatory: boolean
  /** Returns for a pass; throws {@link NotSupported}, or anything else for a failure, whose message says what was wrong. */
  run(exam: Exam): Promise<void>
}

/** Thrown by a check for what the subject says it has not got. */
export class NotSupported extends Error {
  override readonly name = 'NotSupported'
}

/** Throws with the message unless it holds. */
export function demand(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(message)
}
