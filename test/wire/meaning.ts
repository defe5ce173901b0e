import { asList, asMap, asText, type JsonMap } from './case.ts'

/*
 * What an answer says, whatever wire format said it: the common ground on which a recording and the gateway's answers are
 * compared. The reader of OpenAI's format in here shares no code with the gateway, on purpose.
 */

/** One tool call. */
export interface ToolCallReading {
  /** Empty when there was none. */
  readonly id: string
  readonly name: string
  /** As the model wrote them. */
  readonly arguments: string
  /** True for a call of a free-text tool. */
  readonly custom: boolean
}

/** One of the answers to the same turn. */
export interface ChoiceReading {
  readonly index: number
  readonly text: string
  readonly reasoning: string
  readonly refusal: string
  readonly toolCalls: readonly ToolCallReading[]
  /** What a spoken answer says. */
  readonly transcript: string
  /** Every finish reason that was sent, in order, empty strings too. */
  readonly finishWords: readonly string[]
}

/** Token counts as the contract defines them. */
export interface UsageReading {
  readonly input: number
  /** Reasoning included. */
  readonly output: number
  /** Tokens in the total that no other number explains: they may have been counted as output. */
  readonly unexplained: number
  readonly reasoning: number
  readonly cacheRead: number
  readonly cacheWrite: number
  readonly audioInput: number
  readonly audioOutput: number
}

/** What an answer says. */
export interface Reading {
  readonly id: string
  readonly model: string
  /** By index. */
  readonly choices: readonly ChoiceReading[]
  /** Absent when the answer told none. */
  readonly usage?: UsageReading
}

interface OpenCall {
  id: string
  name: string
  arguments: string
  custom: boolean
}

/** One choice while its pieces are still coming in. */
class OpenChoice {
  text = ''
  reasoning = ''
  refusal = ''
  transcript = ''
  readonly finishWords: string[] = []
  readonly #calls: OpenCall[] = []
  readonly #callOf = new Map<unknown, OpenCall>()

  /** Takes a `delta`, or a `message`, in which every call is a whole one. */
  add(delta: JsonMap, whole: boolean): void {
    this.#addContent(delta['content'])
    this.reasoning += reasoningText(delta)
    this.refusal += asText(delta['refusal'])
    this.transcript += asText(asMap(delta['audio'])?.['transcript'])
    for (const call of asList(delta['tool_calls'])) {
      if (whole) this.#callOf.clear()
      this.#addCall(asMap(call) ?? {})
    }
    const legacy = asMap(delta['function_call'])
    if (legacy !== undefined) this.#addCall({ index: 'function_call', function: legacy })
  }

  close(index: number): ChoiceReading {
    const toolCalls = this.#calls.filter((call) => call.name + call.id + call.arguments !== '')
    const { text, reasoning, refusal, transcript, finishWords } = this
    return { index, text, reasoning, refusal, toolCalls, transcript, finishWords }
  }

  #addContent(content: unknown): void {
    // A vendor may answer with the very object that a schema asked for.
    this.text += asMap(content) === undefined ? asText(content) : JSON.stringify(content)
    for (const part of asList(content)) {
      const { type, text, thinking } = asMap(part) ?? {}
      if (type === 'thinking') this.reasoning += asText(thinking) + textOfParts(thinking)
      else this.text += asText(text)
    }
  }

  #addCall(piece: JsonMap): void {
    const free = asMap(piece['custom'])
    const typed = asMap(piece['function'])
    // Some vendors send both kinds, the one that does not apply with empty strings.
    const custom = free !== undefined && (typed === undefined || asText(free['name']) + asText(free['input']) !== '')
    const name = asText(custom ? free['name'] : typed?.['name'])
    const written = argumentText(custom ? free['input'] : typed?.['arguments'])
    const call = this.#callFor(piece['index'], asText(piece['id']), name, written)
    call.id ||= asText(piece['id'])
    call.name ||= name
    call.custom ||= custom
    call.arguments += written
  }

  /**
   * The call a piece belongs to. Indices and ids cannot be relied on: several calls come on one index, each with a name
   * and an id of its own; later pieces may have an empty id; the index may be absent or negative.
   */
  #callFor(index: unknown, id: string, name: string, written: string): OpenCall {
    const known = this.#callOf.get(index)
    if (known !== undefined && (name === '' || !startsAnother(known, id, written))) return known
    const call = { id: '', name: '', arguments: '', custom: false }
    this.#calls.push(call)
    this.#callOf.set(index, call)
    return call
  }
}

/** Whether a named piece on the index of `known` is another call: by its id, or because `known` needs no more arguments. */
function startsAnother(known: OpenCall, id: string, written: string): boolean {
  if (id !== '' && known.id !== '') return id !== known.id
  return known.name !== '' && written !== '' && asMap(parsed(known.arguments)) !== undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function argumentText(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function textOfParts(parts: unknown): string {
  return asList(parts)
    .map((part) => asText(asMap(part)?.['text']))
    .join('')
}

/** The reasoning in a delta: vendors that spell it more than once repeat it, so the first spelling that has text counts. */
function reasoningText(delta: JsonMap): string {
  const details = asList(delta['reasoning_details']).map((detail) => {
    const { text, summary } = asMap(detail) ?? {}
    return asText(text) || asText(summary)
  })
  return asText(delta['reasoning_content']) || asText(delta['reasoning']) || details.join('')
}

/** Reads answers in OpenAI's chat completions format: the one object of a whole answer, or the chunks of a stream. */
export function readCompletions(values: readonly unknown[]): Reading {
  const choices = new Map<number, OpenChoice>()
  let id = ''
  let model = ''
  let usage: UsageReading | undefined
  for (const value of values) {
    const chunk = asMap(value) ?? {}
    id ||= asText(chunk['id'])
    model ||= asText(chunk['model'])
    for (const [position, entry] of asList(chunk['choices']).entries()) {
      readChoice(choices, asMap(entry) ?? {}, position)
    }
    usage = readUsage(chunk['usage']) ?? readUsage(asMap(chunk['x_groq'])?.['usage']) ?? usage
  }
  const inOrder = [...choices].toSorted(([left], [right]) => left - right)
  return { id, model, choices: inOrder.map(([index, choice]) => choice.close(index)), ...(usage && { usage }) }
}

function readChoice(choices: Map<number, OpenChoice>, entry: JsonMap, position: number): void {
  const index = typeof entry['index'] === 'number' ? entry['index'] : position
  const choice = choices.get(index) ?? new OpenChoice()
  choices.set(index, choice)
  // Some vendors put a running `message` beside every delta: it says nothing new.
  const delta = asMap(entry['delta'])
  choice.add(delta ?? asMap(entry['message']) ?? {}, delta === undefined)
  if (typeof entry['finish_reason'] === 'string') choice.finishWords.push(entry['finish_reason'])
}

const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? Math.trunc(value) : 0)

/**
 * Reads a usage object of any vendor of this format by the contract's rules: the totals include every class, a class
 * reported beside its total (the overall total tells) is added to it, and a subset is never more than its whole.
 */
export function readUsage(value: unknown): UsageReading | undefined {
  const usage = asMap(value)
  if (usage === undefined) return undefined
  if (typeof usage['prompt_tokens'] !== 'number' && typeof usage['completion_tokens'] !== 'number') return undefined
  const read = asMap(usage['prompt_tokens_details']) ?? {}
  const written = asMap(usage['completion_tokens_details']) ?? {}
  const prompt = count(usage['prompt_tokens'])
  const completion = count(usage['completion_tokens'])
  const reasoning = count(written['reasoning_tokens'] ?? usage['reasoning_tokens'])
  const audio = count(read['audio_tokens'])
  let extra = Math.max(0, count(usage['total_tokens']) - prompt - completion)
  const output = reasoning > 0 && extra >= reasoning ? completion + reasoning : completion
  extra -= output - completion
  const input = audio > prompt && extra >= audio ? prompt + audio : prompt
  extra -= input - prompt
  const cached =
    read['cached_tokens'] ??
    usage['cache_read_input_tokens'] ??
    usage['prompt_cache_hit_tokens'] ??
    usage['num_cached_tokens']
  const cacheRead = Math.min(count(cached), input)
  const cacheWrite = count(read['cache_write_tokens'] ?? usage['cache_creation_input_tokens'])
  return {
    input,
    output,
    unexplained: extra,
    reasoning: Math.min(reasoning, output + extra),
    cacheRead,
    cacheWrite: Math.min(cacheWrite, input - cacheRead),
    audioInput: Math.min(audio, input),
    audioOutput: Math.min(count(written['audio_tokens']), output),
  }
}
