import { writtenTime } from '../model/written-time.ts'

const hourMs = 60 * 60 * 1000
const ago = /^(\d{1,4})([hd])$/

/** How a time may be written, for whoever wrote it otherwise. */
export const timeForm = 'a date (2026-03-01), a time (2026-03-01T12:00:00Z), or how long ago (24h, 7d)'

/** Milliseconds since the epoch of a date (midnight in UTC), a time with its zone, or "7d" and "24h" ago; NaN for what is none. */
export function timeOf(text: string): number {
  const [, amount, unit] = ago.exec(text) ?? []
  if (amount !== undefined) return Date.now() - Number(amount) * (unit === 'd' ? 24 * hourMs : hourMs)
  return writtenTime(text)
}
