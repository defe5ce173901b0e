import { fail } from '../error/index.ts'
import { answerChecks } from './answers.ts'
import { wordsOf } from './asking.ts'
import { type Check, type Drills, NotSupported, type Outcome, type Scorecard, type Subject } from './contract.ts'
import { findDrills } from './drills.ts'
import { failureChecks } from './failures.ts'
import { featureChecks } from './features.ts'

/** Everything a subject is asked to show, in the order of the scorecard. */
export const checks: readonly Check[] = [...answerChecks, ...featureChecks, ...failureChecks]

/**
 * Runs the checks on a subject, one after the other, and tells what each of them found. A check that takes longer than `limitMs`
 * has failed. `known` are the models that misbehave on purpose, where the caller knows of some that the subject does not list.
 * Never throws for what a subject does.
 */
export async function examine(
  subject: Subject,
  limitMs: number,
  chosen: readonly Check[] = checks,
  known?: Drills,
): Promise<Scorecard> {
  const drills = known ?? (await findDrills(subject, AbortSignal.timeout(limitMs)))
  const outcomes: Outcome[] = []
  for (const check of chosen) outcomes.push(await outcomeOf(check, subject, drills, limitMs))
  const conforms = !outcomes.some(({ mandatory, verdict }) => mandatory && verdict === 'fail')
  return { subject: subject.name, kind: subject.kind, model: subject.model, outcomes, conforms }
}

async function outcomeOf(check: Check, subject: Subject, drills: Drills, limitMs: number): Promise<Outcome> {
  const { operation, feature, mandatory } = check
  const told = { operation, feature, mandatory }
  const limit = new AbortController()
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const error = fail('timeout', `it took longer than ${limitMs / 1000} s`, { timer: 'total' })
    limit.abort(error)
    late.reject(error)
  }, limitMs)
  try {
    await Promise.race([check.run({ subject, signal: limit.signal, drills }), late.promise])
    return { ...told, verdict: 'pass', note: '' }
  } catch (error) {
    const verdict = error instanceof NotSupported ? 'not supported' : 'fail'
    return { ...told, verdict, note: wordsOf(error) }
  } finally {
    clearTimeout(timer)
  }
}
