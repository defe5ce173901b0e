/** Milliseconds before the first time, and from the end of one to the next. */
export type Pace = readonly [first: number, then: number]

/**
 * Does something from time to time, also after it failed, which is told; never twice at once, and without keeping the process alive. Gives
 * what ends it, and resolves when what runs is over.
 */
export function repeat(
  work: () => Promise<void>,
  failed: (error: unknown) => void,
  [first, then]: Pace,
): () => Promise<void> {
  let timer: NodeJS.Timeout
  let ended = false
  let working: Promise<void> = Promise.resolve()
  const wait = (milliseconds: number): void => {
    timer = setTimeout(() => {
      working = work()
        .catch(failed)
        .then(() => {
          if (!ended) wait(then)
        })
    }, milliseconds)
    timer.unref()
  }
  wait(first)
  return async () => {
    ended = true
    clearTimeout(timer)
    await working
  }
}
