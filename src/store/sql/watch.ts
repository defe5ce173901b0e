/** How a change of the revision is noticed. */
export interface Watch {
  readonly revision: () => Promise<bigint>
  /** What it was before watching: every change after that is told. */
  readonly from: bigint
  readonly pollMs: number
  readonly changed: () => void
  readonly failed: (error: unknown) => void
  /** Calls its argument whenever it is worth looking at once, until the function it gives is called. */
  readonly hints?: (look: () => void) => () => void
}

/**
 * Looks at the revision at every hint and after every pause, and tells when it is another than before. A failure is told, and looking
 * goes on; what changed meanwhile is told afterwards. Gives what ends it.
 */
export function watchRevision({ revision, from, pollMs, changed, failed, hints }: Watch): () => void {
  let seen = from
  let ended = false
  let looking = false
  let again = false

  const look = async (): Promise<void> => {
    again = looking
    if (looking || ended) return
    looking = true
    try {
      const now = await revision()
      if (now !== seen && !isEnded()) changed()
      seen = now
    } catch (error) {
      if (!isEnded()) failed(error)
    } finally {
      looking = false
    }
    if (again) await look()
  }
  const isEnded = (): boolean => ended

  const timer = setInterval(() => void look(), pollMs)
  timer.unref()
  const deaf = hints?.(() => void look())
  void look()
  return () => {
    ended = true
    clearInterval(timer)
    deaf?.()
  }
}
