/** What vectors are for, whatever a vendor calls it. */
export type Purpose = 'query' | 'document' | 'classification' | 'clustering' | 'similarity'

/** A vendor's words for what vectors are for, as far as it has any. */
export type PurposeWords = Readonly<Partial<Record<Purpose, string>>>

/** The words of the vendors that have some. */
const meanings: ReadonlyMap<string, Purpose> = new Map([
  ['query', 'query'],
  ['search_query', 'query'],
  ['retrieval_query', 'query'],
  ['document', 'document'],
  ['search_document', 'document'],
  ['retrieval_document', 'document'],
  ['passage', 'document'],
  ['classification', 'classification'],
  ['clustering', 'clustering'],
  ['similarity', 'similarity'],
  ['semantic_similarity', 'similarity'],
])

/** A purpose in the words of a vendor: its own word as it is, another vendor's as the one that means the same; undefined where it has none. */
export function purposeWord(purpose: string, words: PurposeWords, others: readonly string[] = []): string | undefined {
  if ([...Object.values(words), ...others].includes(purpose)) return purpose
  const meaning = meanings.get(purpose.toLowerCase())
  return meaning === undefined ? undefined : words[meaning]
}
