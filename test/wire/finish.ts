import type { ChoiceReading } from './meaning.ts'

/** Why an answer ended, in the contract's classes. */
export type FinishClass = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'refusal' | 'error' | 'other'

/** What vendors' words mean, after the documentation of each and the recordings. A word not listed can mean anything. */
const classes: Readonly<Record<string, FinishClass>> = {
  '': 'stop',
  complete: 'stop',
  end_turn: 'stop',
  eos: 'stop',
  eos_token: 'stop',
  normal: 'stop',
  stop: 'stop',
  stop_sequence: 'stop',
  length: 'length',
  max_tokens: 'length',
  model_length: 'length',
  function_call: 'tool_calls',
  tool_call: 'tool_calls',
  tool_calls: 'tool_calls',
  tool_use: 'tool_calls',
  content_filter: 'content_filter',
  content_filtered: 'content_filter',
  safety: 'content_filter',
  refusal: 'refusal',
  error: 'error',
}

/** Strongest first: what a later word must not weaken. */
const strength: readonly FinishClass[] = ['error', 'content_filter', 'refusal', 'length', 'tool_calls', 'stop', 'other']

/** The class of a word; undefined when the word is not one of the known ones. */
export function classOf(word: string): FinishClass | undefined {
  const lower = word.toLowerCase()
  return Object.hasOwn(classes, lower) ? classes[lower] : undefined
}

/**
 * The classes that are right for a choice: by its words, of which the first or the strongest counts, and by its content,
 * which decides where vendors say `stop` after calling a tool or refusing. Undefined when any class is as good as another.
 */
export function finishClasses(choice: ChoiceReading): ReadonlySet<FinishClass> | undefined {
  const known = choice.finishWords.map(classOf)
  if (known.length === 0 || known.includes(undefined)) return undefined
  const strongest = strength.find((finish) => known.includes(finish))
  return new Set([known[0], strongest].flatMap((finish) => byContent(finish, choice)))
}

function byContent(finish: FinishClass | undefined, { toolCalls, refusal, text }: ChoiceReading): FinishClass[] {
  if (finish === undefined) return []
  const called = toolCalls.length > 0
  // A format without a place for a refusal tells its words as the text.
  const refused = refusal !== '' && (text === '' || text === refusal)
  if (finish === 'content_filter' && refused) return ['content_filter', 'refusal']
  if (finish !== 'stop' && finish !== 'tool_calls') return [finish]
  if (called) return ['tool_calls']
  if (refused) return ['refusal']
  return finish === 'tool_calls' ? ['tool_calls', 'stop'] : ['stop']
}
