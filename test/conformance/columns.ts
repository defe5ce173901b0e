/** One thing that a provider can show, and the checks of the kit that examine it. */
export interface Column {
  readonly name: string
  readonly checks: readonly string[]
}

/** What the page of providers tells of each. */
export const columns = [
  { name: 'text', checks: ['text', 'limit of tokens'] },
  { name: 'stream', checks: ['stream', 'order of events', 'a stream that is left'] },
  { name: 'tools', checks: ['tools', 'tool results', 'tools forbidden'] },
  { name: 'parallel tools', checks: ['parallel tools'] },
  { name: 'structured output', checks: ['structured output'] },
  { name: 'reasoning', checks: ['reasoning'] },
  { name: 'vision', checks: ['vision input'] },
  { name: 'usage', checks: ['usage'] },
  { name: 'errors', checks: ['unknown model', 'reasons of errors', 'broken answers'] },
  { name: 'cancellation', checks: ['cancellation before the first event', 'cancellation within a stream'] },
  { name: 'lost fields named', checks: ['dropped fields are named', 'dropped fields are refused when strict'] },
  { name: 'token count', checks: ['count'] },
  { name: 'list of models', checks: ['list'] },
] as const satisfies readonly Column[]

/** The name of a column. */
export type ColumnName = (typeof columns)[number]['name']
