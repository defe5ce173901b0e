import { readFileSync } from 'node:fs'

/** A recorded answer of some API, and what it costs by genai-prices on 6 November 2025 at noon UTC. */
export interface Row {
  /** How many recorded answers are equal to it. */
  readonly answers: number
  readonly model: string
  /** As the API sent it. */
  readonly usage: unknown
  /** For each way to read the usage that gives a price: the vendor, the API, and US dollars as a decimal. */
  readonly prices: readonly (readonly [vendor: string, api: string, dollars: string])[]
  /** Vendors that have no price for the model. */
  readonly unpriced: readonly string[]
}

/** When the prices of the rows hold. */
export const recordedAt = new Date('2025-11-06T12:00:00Z')

/** Reads the rows. */
export function readRows(): readonly Row[] {
  return JSON.parse(readFileSync(new URL('dataset.json', import.meta.url), 'utf8')) as Row[]
}

/** Writes rows as JSON, one a line. */
export function printRows(rows: readonly Row[]): string {
  return `[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`
}

/** A decimal in nano-USD, halves rounded up. */
export function nanoUsd(dollars: string): bigint {
  const [whole = '', fraction = ''] = dollars.split('.')
  const digits = fraction.padEnd(10, '0')
  return (BigInt(whole + digits.slice(0, 10)) + 5n) / 10n
}
