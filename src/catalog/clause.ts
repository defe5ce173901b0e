/** How the catalog says which names are meant. Comparisons ignore case, but for `regex`. */
export type Clause =
  | { readonly equals: string }
  | { readonly starts_with: string }
  | { readonly ends_with: string }
  | { readonly contains: string }
  | { readonly regex: string }
  | { readonly or: readonly Clause[] }
  | { readonly and: readonly Clause[] }

/** True when the clause means the name, which must be in lower case: that is what regular expressions are tried on. */
export function matches(clause: Clause, name: string): boolean {
  if ('equals' in clause) return name === clause.equals.toLowerCase()
  if ('starts_with' in clause) return name.startsWith(clause.starts_with.toLowerCase())
  if ('ends_with' in clause) return name.endsWith(clause.ends_with.toLowerCase())
  if ('contains' in clause) return name.includes(clause.contains.toLowerCase())
  if ('regex' in clause) return new RegExp(clause.regex).test(name)
  if ('or' in clause) return clause.or.some((one) => matches(one, name))
  return clause.and.every((one) => matches(one, name))
}
