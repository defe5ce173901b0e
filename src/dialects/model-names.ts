/** Whether a pattern names a model: exactly, or as a prefix that ends in `*`. */
export function fits(model: string, pattern: string): boolean {
  return pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern
}

/** Whether one of the patterns names a model, as {@link fits} has it. */
export function isNamed(model: string, patterns: readonly string[] = []): boolean {
  return patterns.some((pattern) => fits(model, pattern))
}
