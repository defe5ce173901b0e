/** Whether a model is one of those that patterns name: exact names, and prefixes ending in `*`. */
export function isNamed(model: string, patterns: readonly string[] = []): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern,
  )
}
