import fc from 'fast-check'
import { Fault, thrownFault } from './fault.ts'
import { simplest } from './simpler.ts'
import type { Target } from './target.ts'

/** How a target is fuzzed. */
export interface HuntOptions {
  /** Where the random numbers begin; a hunt with the same seed makes the same inputs. */
  readonly seed: number
  readonly seconds: number
  /** Go on after a finding, and tell each kind of fault once. */
  readonly keepGoing: boolean
  /** Is told of every input before it is checked. */
  readonly before: (batchSeed: number, input: unknown) => void
}

/** An input for which a promise does not hold, as simple as it could be made. */
export interface Finding {
  readonly fault: Fault
  /** As a file of the corpus. */
  readonly written: object
  /** A hunt that begins with it makes this input among its first. */
  readonly seed: number
}

/** What a hunt did. */
export interface Hunt {
  readonly runs: number
  readonly findings: readonly Finding[]
}

const batchRuns = 3000
const strays: unknown[] = []

/** Errors that nobody caught belong to the input that is being checked. */
export function catchStrays(): void {
  process.on('uncaughtException', (error) => strays.push(error))
  process.on('unhandledRejection', (error) => strays.push(error))
}

/** Fuzzes a target until its time is up, or until something is found. */
export async function hunt<Input>(target: Target<Input>, options: HuntOptions): Promise<Hunt> {
  const end = performance.now() + options.seconds * 1000
  const findings: Finding[] = []
  const known = new Set<string>()
  let runs = 0
  for (let seed = options.seed; performance.now() < end; seed++) {
    const faultIn = (input: Input): Promise<Fault | undefined> => {
      options.before(seed, input)
      return faultOf(target, input)
    }
    const check = async (input: Input): Promise<void> => {
      runs++
      const fault = await faultIn(input)
      if (fault !== undefined && !known.has(fault.kind)) throw fault
    }
    for (let found = true; found && performance.now() < end;) {
      const finding = await batch(target, seed, { check, faultIn }, end)
      found = finding !== undefined
      if (finding === undefined) continue
      findings.push(finding)
      known.add(finding.fault.kind)
      if (!options.keepGoing) return { runs, findings }
    }
  }
  return { runs, findings }
}

interface Checks<Input> {
  /** Throws what was not found before. */
  readonly check: (input: Input) => Promise<void>
  readonly faultIn: (input: Input) => Promise<Fault | undefined>
}

async function batch<Input>(
  target: Target<Input>,
  seed: number,
  { check, faultIn }: Checks<Input>,
  end: number,
): Promise<Finding | undefined> {
  const result = await fc.check(fc.asyncProperty(target.inputs, check), {
    seed,
    numRuns: batchRuns,
    interruptAfterTimeLimit: Math.max(1, end - performance.now()),
    markInterruptAsFailure: false,
  })
  const [input] = result.counterexample ?? []
  const error = result.errorInstance
  if (input !== undefined && error instanceof Fault) {
    const best = await simplestOf(target, input, error, faultIn)
    return { fault: (await faultIn(best)) ?? error, written: target.write(best), seed }
  }
  if (result.failed && error !== null) throw error
  const late = await target.after?.()
  return late && { fault: late.fault, written: target.write(late.input), seed }
}

function simplestOf<Input>(
  target: Target<Input>,
  input: Input,
  { kind }: Fault,
  faultIn: Checks<Input>['faultIn'],
): Promise<Input> {
  const fails = async (candidate: Input): Promise<boolean> => (await faultIn(candidate))?.kind === kind
  return simplest(input, (from) => target.simpler(from), fails)
}

/** The promise that an input breaks, if it does. Anything else that is thrown is one too: the check itself never fails. */
export async function faultOf<Input>(target: Target<Input>, input: Input): Promise<Fault | undefined> {
  let fault: Fault | undefined
  try {
    await target.check(input)
  } catch (thrown) {
    fault = thrown instanceof Fault ? thrown : thrownFault('uncaught', thrown)
  }
  const [stray] = strays.splice(0)
  return stray === undefined ? fault : thrownFault('uncaught', stray)
}
