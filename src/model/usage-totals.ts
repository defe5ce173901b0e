import { create } from '@bufbuild/protobuf'
import { type UsageTotals, UsageTotalsSchema } from '#gen/switchyard/v1/usage_pb.ts'
import type { Fields } from './events.ts'

/** Seconds are fractions; everything else that is summed is a count. */
const fractions: ReadonlySet<string> = new Set(['audioSeconds', 'videoSeconds'] satisfies (keyof UsageTotals)[])

/** Sums of usage as the contract shows them. */
export function usageTotals(sums: { readonly [Field in keyof Fields<UsageTotals>]: number }): UsageTotals {
  const fields = Object.entries(sums).map(([name, value]) => [name, fractions.has(name) ? value : BigInt(value)])
  return create(UsageTotalsSchema, Object.fromEntries(fields) as object)
}
