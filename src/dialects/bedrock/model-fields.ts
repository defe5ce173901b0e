import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import { entryOf } from '../entry.ts'

/** Tokens of thinking that stand for an effort, for models that take only a number. The least they take is 1024. */
const budgets: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 1024,
  medium: 4096,
  high: 16_384,
  xhigh: 32_768,
}

/**
 * What Converse has no field of its own for and each family of models spells in its own way, in `additionalModelRequestFields`:
 * how many tokens to choose from, and reasoning. What the family has no word for is added to `dropped`.
 */
export function modelFields(request: ChatRequest, dropped: string[]): Readonly<Record<string, unknown>> {
  const { topK, reasoning, model } = request
  if (reasoning?.summary !== undefined) dropped.push('reasoning.summary')
  const thought = reasoning === undefined ? {} : reasoningFields(request, dropped)
  if (topK === undefined) return thought
  return /amazon\.nova/.test(model) ? { ...thought, inferenceConfig: { topK } } : { ...thought, top_k: topK }
}

function reasoningFields(request: ChatRequest, dropped: string[]): Readonly<Record<string, unknown>> {
  const { model, reasoning } = request
  const effort = reasoning?.effort
  const budget = reasoning?.budgetTokens
  if (/anthropic\./.test(model)) return thinking(request, dropped)
  if (budget !== undefined) dropped.push('reasoning.budget_tokens')
  if (effort === undefined) return {}
  if (/(?:^|[./])openai\./.test(model)) return { reasoning_effort: effort }
  if (/amazon\.nova-2/.test(model)) {
    if (effort === 'none') return { reasoningConfig: { type: 'disabled' } }
    const known = entryOf({ minimal: 'low', xhigh: 'high' }, effort) ?? effort
    return { reasoningConfig: { type: 'enabled', maxReasoningEffort: known } }
  }
  dropped.push('reasoning.effort')
  return {}
}

/** A budget as it was asked for; else one for the effort, if the limit of the answer leaves room for it. */
function thinking({ reasoning, maxOutputTokens }: ChatRequest, dropped: string[]): Readonly<Record<string, unknown>> {
  const { effort, budgetTokens } = reasoning ?? {}
  if (budgetTokens !== undefined && budgetTokens > 0)
    return { thinking: { type: 'enabled', budget_tokens: budgetTokens } }
  if (effort === 'none' || budgetTokens === 0) return { thinking: { type: 'disabled' } }
  if (effort === undefined) return {}
  const wanted = entryOf(budgets, effort)
  const room = maxOutputTokens === undefined ? Infinity : maxOutputTokens - 1
  if (wanted === undefined || room < 1024) {
    dropped.push('reasoning.effort')
    return {}
  }
  return { thinking: { type: 'enabled', budget_tokens: Math.min(wanted, room) } }
}
