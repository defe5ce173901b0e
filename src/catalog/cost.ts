import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { tokenCount } from '../model/usage.ts'
import { partsOfNano, type Price, type Rate } from './price.ts'

/** How a call was made, where that changes what it costs. */
export interface CostOptions {
  /** True: by the vendor's own batch API. */
  readonly batch?: boolean
}

/**
 * What a usage costs, in nano-USD (billionths of a US dollar). Every token is paid once, by the narrowest class with a price that it
 * is in; where subsets claim more than their whole has, the narrower one comes first and no token is paid twice. Computed exactly and
 * rounded once, at the end, halves up. Never negative, never an error, whatever the numbers.
 *
 * Undefined, which is not 0, when the cost is not known: there is no batch price, or nothing that the usage counts has a price (such
 * as seconds of audio at a price for tokens). A call that counted nothing costs nothing, also where each request has a price.
 */
export function cost(usage: Usage, price: Price, { batch = false }: CostOptions = {}): bigint | undefined {
  const rates = batch ? price.batch : price.rates
  if (rates === undefined) return undefined
  if (rates.length === 0 || !consumedAnything(usage)) return 0n
  const counts = rates.map(({ priced }) => priced.count(usage))
  if (!rates.some(({ priced }, place) => priced.perCall !== true && (counts[place] ?? 0) > 0)) return undefined
  const parts = sumOf(rates, counts, tokenCount(usage.inputTokens))
  return (parts + partsOfNano / 2n) / partsOfNano
}

function sumOf(rates: readonly Rate[], counts: readonly number[], input: number): bigint {
  const paid = rates.map(() => 0)
  let parts = 0n
  for (const [place, { within, steps }] of rates.entries()) {
    const own = [place, ...within].reduce((least, at) => Math.min(least, (counts[at] ?? 0) - (paid[at] ?? 0)), Infinity)
    if (own === 0) continue
    for (const at of within) paid[at] = (paid[at] ?? 0) + own
    const step = steps.findLast(({ above }) => input > above)
    parts += BigInt(own) * (step?.parts ?? 0n)
  }
  return parts
}

function consumedAnything(usage: Usage): boolean {
  return (
    usage.inputTokens > 0 ||
    usage.outputTokens > 0 ||
    usage.images > 0 ||
    usage.audioSeconds > 0 ||
    usage.videoSeconds > 0 ||
    usage.characters > 0 ||
    usage.webSearches > 0
  )
}
