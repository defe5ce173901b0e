import { fail } from '#provider'

const statuses = [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503, 529]

/** The most tokens of one answer, so that nobody fills the memory with nonsense. */
export const mostTokens = 100_000

/** What becomes of an answer that is not meant to go well. */
export type Fault =
  /** What an upstream's answer with this HTTP status leads to. */
  | { readonly kind: 'status'; readonly status: number }
  /** Never anything. */
  | { readonly kind: 'silence' }
  /** So many text deltas, and then the connection is gone, nothing more comes, or the upstream says that it failed. */
  | { readonly kind: 'cut' | 'hang' | 'error'; readonly after: number }

/** A model name, read. */
export interface SimulatedModel {
  readonly fault?: Fault
  /** Tokens of filler to answer with; absent for a model that repeats what the user said. */
  readonly filler?: number
  /** How many tools are called at once where tools are called. */
  readonly calls: number
  /** Infinity when the answer comes as fast as it is read. */
  readonly tokensPerSecond: number
}

/** Names that work as they are, for listing; `N` and the parameters after a `?` may be chosen. */
export const exampleModels: readonly string[] = [
  'echo',
  'echo?calls=2',
  'lorem',
  'lorem?tokens=200&tps=50',
  ...statuses.map((status) => `status-${status}`),
  'cut-after-3',
  'error-after-3',
  'hang',
  'hang-after-3',
]

/** Name patterns for the manifest. */
export const modelPatterns: readonly string[] = [
  'echo',
  'echo?*',
  'lorem',
  'lorem?*',
  ...statuses.map((status) => `status-${status}`),
  'cut-after-*',
  'error-after-*',
  'hang',
  'hang-after-*',
  'video',
  'video?*',
]

/** Reads a model name. Throws `model_not_found` with what there is, and `invalid_request` for a parameter it does not take. */
export function readModel(name: string): SimulatedModel {
  const [base = '', ...rest] = name.split('?')
  const parameters = new Map(new URLSearchParams(rest.join('?')))
  const number = (key: string, fallback: number, least: number, most: number): number => {
    const text = parameters.get(key)
    parameters.delete(key)
    if (text === undefined) return fallback
    const value = Number(text)
    if (text !== '' && value >= least && value <= most) return value
    throw fail('invalid_request', `"${key}" of a simulated model is a number from ${least} to ${most}`, {
      param: 'model',
    })
  }
  const tokensPerSecond = number('tps', Number.POSITIVE_INFINITY, 0.001, 1_000_000)
  const model: SimulatedModel = {
    tokensPerSecond,
    calls: base === 'echo' || base === 'lorem' ? Math.trunc(number('calls', 1, 1, 64)) : 1,
    ...(base === 'lorem' && { filler: Math.trunc(number('tokens', 50, 0, mostTokens)) }),
    ...faultOf(base),
  }
  const [unknown] = parameters.keys()
  if (unknown === undefined) return model
  throw fail('invalid_request', `the simulated model "${base}" has no parameter "${unknown}"`, { param: 'model' })
}

function faultOf(base: string): { readonly fault?: Fault } {
  if (base === 'echo' || base === 'lorem') return {}
  if (base === 'hang') return { fault: { kind: 'silence' } }
  const [, status] = /^status-(\d{3})$/.exec(base) ?? []
  if (statuses.includes(Number(status))) return { fault: { kind: 'status', status: Number(status) } }
  const [, kind, after] = /^(cut|hang|error)-after-(\d{1,6})$/.exec(base) ?? []
  if (kind === 'cut' || kind === 'hang' || kind === 'error') return { fault: { kind, after: Number(after) } }
  throw fail('model_not_found', `the simulator has no model "${base}"; it has ${exampleModels.join(', ')}`, {
    param: 'model',
  })
}
