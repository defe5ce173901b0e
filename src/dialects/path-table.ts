/** Values of what a path leaves open. */
export type PathParams = Readonly<Record<string, string>>

/** Finds what is at a path: at exactly that one, or by what stands before and after a `*`, which is then `params['*']`. */
export class PathTable<Entry> {
  readonly #exact = new Map<string, Entry>()
  readonly #open: { readonly before: string; readonly after: string; readonly entry: Entry }[] = []

  /** Of two for the same path, the later one counts. */
  add(path: string, entry: Entry): void {
    const [before = '', after] = path.split('*')
    if (after === undefined) this.#exact.set(path, entry)
    else this.#open.push({ before, after, entry })
  }

  /** What is at a path, which has no query; undefined when there is nothing. */
  find(path: string): { readonly entry: Entry; readonly params: PathParams } | undefined {
    const exact = this.#exact.get(path)
    if (exact !== undefined) return { entry: exact, params: {} }
    for (const { before, after, entry } of this.#open) {
      if (path.length <= before.length + after.length || !path.startsWith(before) || !path.endsWith(after)) continue
      const text = decoded(path.slice(before.length, path.length - after.length))
      if (text !== undefined) return { entry, params: { '*': text } }
    }
    return undefined
  }
}

/** The text of a path segment; undefined where its escapes are none. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
