/** What a table says of a word that came from outside, which may be the name of something that every object has. */
export function entryOf<Value>(table: Readonly<Record<string, Value>>, word: string | undefined): Value | undefined {
  return word !== undefined && Object.hasOwn(table, word) ? table[word] : undefined
}
