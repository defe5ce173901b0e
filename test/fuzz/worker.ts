import { parentPort, workerData } from 'node:worker_threads'
import { catchStrays, hunt } from './hunt.ts'
import { targetOf } from './targets.ts'

/** What the thread is to do. */
export interface Job {
  readonly name: string
  readonly seed: number
  readonly seconds: number
  readonly keepGoing: boolean
  /** Tell every input before it is checked. */
  readonly trace: boolean
}

/** What the thread tells. `written` is JSON text, as a file of the corpus. */
export type News =
  | { readonly kind: 'input'; readonly written: string }
  | { readonly kind: 'crash'; readonly message: string }
  | { readonly kind: 'finding'; readonly message: string; readonly seed: number; readonly written: string }
  | {
      readonly kind: 'done'
      readonly runs: number
      readonly seconds: number
      readonly cpu: number
      readonly seed: number
      readonly findings: number
    }

const { progress, ...job } = workerData as Job & { readonly progress: Int32Array }
const began = performance.now()
const target = targetOf(job.name)
const tell = (news: News): void => parentPort?.postMessage(news)

try {
  catchStrays()
  await work()
} catch (thrown) {
  // What is thrown here is nobody's but the fuzzer's own.
  tell({ kind: 'crash', message: thrown instanceof Error ? (thrown.stack ?? thrown.message) : 'no error' })
}

async function work(): Promise<void> {
  const { runs, findings } = await hunt(target, {
    ...job,
    before(seed, input) {
      Atomics.store(progress, 1, seed)
      Atomics.add(progress, 0, 1)
      if (job.trace) tell({ kind: 'input', written: JSON.stringify(target.write(input)) })
    },
  })
  await target.close?.()
  for (const { fault, written, seed } of findings) {
    const note = { fault: fault.message.slice(0, 300) }
    tell({ kind: 'finding', message: note.fault, seed, written: JSON.stringify({ ...note, ...written }, null, 2) })
  }
  const { user, system } = process.cpuUsage()
  tell({
    kind: 'done',
    runs,
    seconds: rounded(performance.now() - began),
    cpu: rounded((user + system) / 1000),
    seed: job.seed,
    findings: findings.length,
  })
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds / 100) / 10
}
