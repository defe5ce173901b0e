import { setImmediate, setTimeout } from 'node:timers/promises'

/** How many batches may go out before other work of the process gets its turn. */
const breath = 128

/** The batches, so many a second. Throws the signal's reason as soon as it is aborted. */
export async function* pace<Batch>(
  batches: readonly Batch[],
  perSecond: number,
  signal: AbortSignal,
): AsyncGenerator<Batch, void, void> {
  const begun = performance.now()
  for (const [index, batch] of batches.entries()) {
    const wait = begun + (index * 1000) / perSecond - performance.now()
    if (wait > 0) await pause(wait, signal)
    else if (index % breath === breath - 1) await setImmediate()
    signal.throwIfAborted()
    yield batch
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted())
}
