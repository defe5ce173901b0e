import { z } from 'zod'
import { aliasName } from '../core/alias.ts'
import type { AliasRule, AliasTarget } from '../core/contract.ts'
import { section, text, wholeNumber } from './section.ts'

const targetText = z.string().regex(/^[^/\s]+\/\S+$/, { error: 'must be "provider/model"' })

const targetForm = section({
  provider: text().optional().describe('Name of a provider. Without it, the model is another alias.'),
  model: text().optional().describe("Model to ask the provider for. Default: the provider's."),
  order: wholeNumber(0, 1_000_000)
    .default(0)
    .describe('Targets of equal order share traffic by weight; a higher order is a fallback.'),
  weight: z
    .number()
    .positive({ error: 'must be a number over 0' })
    .default(1)
    .describe('Share of the traffic among targets of the same order.'),
}).refine(({ provider, model }) => provider !== undefined || model !== undefined, {
  error: 'must have a provider, a model or both',
})

/** A target as the core takes it: one written as text has its order by its place in the list. */
function targetOf(target: string | z.output<typeof targetForm>, place: number): AliasTarget {
  if (typeof target !== 'string') return { ...target, provider: target.provider ?? '', model: target.model ?? '' }
  const slash = target.indexOf('/')
  return { provider: target.slice(0, slash), model: target.slice(slash + 1), order: place, weight: 1 }
}

const targets = z
  .array(
    z.union([targetText, targetForm], {
      error: 'must be "provider/model", or a mapping with provider, model, order and weight',
    }),
  )
  .min(1, { error: 'must name at least one target' })
  .describe('Targets as "provider/model" in the order to try them, or with an order and a weight of their own.')

const aliasKey = z.string().regex(aliasName, { error: 'the name must be a model name, or a prefix ending in "*"' })

/** Schema of `aliases`: names with their targets, written as text or in full; read as the core takes them. */
export const aliasesSchema = z
  .record(aliasKey, z.union([targets, section({ targets })], { error: 'must be a list of "provider/model"' }))
  .transform((aliases) =>
    Object.entries(aliases).map(([name, rule]): AliasRule => {
      const written = Array.isArray(rule) ? rule : rule.targets
      return { name, targets: written.map(targetOf) }
    }),
  )
