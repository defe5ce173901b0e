import { type ChatRequest, Role, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import { entryOf } from '../entry.ts'

/** How much the model shall think, in the format's fields. */
export interface EncodedReasoning {
  readonly thinking?: { readonly type: string; readonly budget_tokens?: number }
  readonly effort?: string
  /** The limit of output tokens, in which the thinking counts. */
  readonly maxTokens: number
  /** True where the thinking was derived from an effort, and fields that do not go with it have to stand back. */
  readonly derived: boolean
}

/** The least budget that the API takes. */
const leastBudget = 1024

/** Tokens of thinking for an effort, for models that want a budget. */
const budgets: Readonly<Record<string, number>> = {
  minimal: leastBudget,
  low: 2048,
  medium: 8192,
  high: 16_384,
  xhigh: 24_576,
  max: 32_000,
}

/** Models of the generations that take a budget of thinking and do not know an effort. */
const budgeted = /claude-(?:3|(?:opus|sonnet|haiku)-4(?:[-@.](?:[015]\b|20\d{6})|$))/

/** Models that cannot think at all. */
const thoughtless = /claude-(?:2|instant|3-(?:opus|sonnet|haiku|5))/

/**
 * Writes how much to think. A budget goes as it is. An effort goes as such to models that know it, which then think as much as they
 * like; for older ones it becomes a budget below the limit of the answer, or is dropped where there is no room for the least one.
 */
export function encodeReasoning(
  request: ChatRequest,
  { maxTokens: defaultLimit, vendor }: { readonly maxTokens: number; readonly vendor: string },
  dropped: string[],
): EncodedReasoning {
  const limit = request.maxOutputTokens ?? defaultLimit
  const { reasoning } = request
  if (reasoning === undefined) return { maxTokens: limit, derived: false }
  const { effort, budgetTokens: budget } = reasoning
  const none = effort === 'none' || budget === 0
  if (reasoning.summary !== undefined) dropped.push('reasoning.summary')
  const old = budgeted.test(request.model)
  if (!none && budget !== undefined) {
    const allowed = Math.max(budget, leastBudget)
    if (allowed !== budget) dropped.push('reasoning.budget_tokens')
    const maxTokens = request.maxOutputTokens ?? allowed + defaultLimit
    if (effort !== undefined && old) dropped.push('reasoning.effort')
    return {
      thinking: { type: 'enabled', budget_tokens: allowed },
      ...(effort !== undefined && !old && { effort }),
      maxTokens,
      derived: false,
    }
  }
  if (none) {
    if (effort !== undefined && effort !== 'none') dropped.push('reasoning.effort')
    if (budget !== undefined && budget > 0) dropped.push('reasoning.budget_tokens')
    return {
      ...(!thoughtless.test(request.model) && { thinking: { type: 'disabled' } }),
      maxTokens: limit,
      derived: false,
    }
  }
  if (effort === undefined) return { thinking: { type: 'adaptive' }, maxTokens: limit, derived: false }
  if (!old) {
    const word = effort === 'minimal' ? 'low' : effort
    if (word !== effort) dropped.push('reasoning.effort')
    return { thinking: { type: 'adaptive' }, effort: word, maxTokens: limit, derived: true }
  }
  // A forced tool does not go with a budget of thinking.
  const forced = request.toolChoice?.mode === Mode.REQUIRED || request.toolChoice?.mode === Mode.NAMED
  return fromBudget(request, effort, defaultLimit, forced || inThoughtlessLoop(request, vendor), dropped)
}

function fromBudget(
  { model, maxOutputTokens }: ChatRequest,
  effort: string,
  defaultLimit: number,
  unwelcome: boolean,
  dropped: string[],
): EncodedReasoning {
  const wanted = entryOf(budgets, effort) ?? leastBudget
  const maxTokens = maxOutputTokens ?? wanted + defaultLimit
  const room = maxOutputTokens === undefined ? wanted : Math.max(leastBudget, Math.floor(maxTokens / 2))
  const budget = Math.min(wanted, room)
  // The answer needs room beside the thinking.
  if (thoughtless.test(model) || unwelcome || budget >= maxTokens) {
    dropped.push('reasoning.effort')
    return { maxTokens: maxOutputTokens ?? defaultLimit, derived: false }
  }
  return { thinking: { type: 'enabled', budget_tokens: budget }, maxTokens, derived: true }
}

/**
 * True where the model's turn goes on after calls of tools that it made without thinking, as far as the conversation shows: models
 * that want a budget then refuse to think before the turn is over.
 */
function inThoughtlessLoop({ messages }: ChatRequest, vendor: string): boolean {
  if (messages.at(-1)?.role !== Role.TOOL) return false
  const begin = messages.findLastIndex(({ role }) => role === Role.USER)
  const turn = messages.slice(begin + 1).filter(({ role }) => role === Role.ASSISTANT)
  const thought = turn
    .at(-1)
    ?.parts.some(({ kind }) => kind.case === 'reasoning' && kind.value.signature?.vendor === vendor)
  return thought !== true
}
