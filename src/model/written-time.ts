const dateOnly = /^\d{4}-\d\d-\d\d$/
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i

/** Milliseconds since the epoch of a date, which is midnight in UTC, or of a time with its zone as RFC 3339 has it; NaN for what is none. */
export function writtenTime(text: string): number {
  if (!dateOnly.test(text) && !rfc3339.test(text)) return Number.NaN
  // A day that a month does not have is moved into the next one by the parser.
  const exists = new Date(`${text.slice(0, 10)}T00:00:00Z`).getUTCDate() === Number(text.slice(8, 10))
  return exists ? Date.parse(text) : Number.NaN
}
