import { asList, asMap, asText, type JsonMap } from '../case.ts'
import type { Told, ToldCall, ToldChoice } from '../compare.ts'
import { classOf, finishClasses, type FinishClass } from '../finish.ts'
import { type ChoiceReading, type Reading, readCompletions } from '../meaning.ts'

/** What an answer in OpenAI's format tells, where the words are the gateway's own. */
export function toldByCompletions(values: readonly unknown[]): Told {
  return toldByReading(readCompletions(values), ownFinish)
}

/** What an answer in OpenAI's format tells, where the words are the upstream's. */
export function toldByUpstream(values: readonly unknown[]): Told {
  return toldByReading(readCompletions(values), (choice) => {
    const [finish] = finishClasses(choice) ?? []
    return finish
  })
}

/** The class of the gateway's own word. The format has none for a refusal, which its content shows. */
function ownFinish({ finishWords, refusal, text }: ChoiceReading): FinishClass {
  const finish = classOf(finishWords.at(-1) ?? 'none') ?? 'other'
  return finish === 'stop' && refusal !== '' && text === '' ? 'refusal' : finish
}

function toldByReading(reading: Reading, finishOf: (choice: ChoiceReading) => FinishClass | undefined): Told {
  const choices = reading.choices.map(({ finishWords: _words, ...choice }, at): ToldChoice => ({
    ...choice,
    finish: finishOf(reading.choices[at] ?? nothing),
  }))
  return { choices, ...(reading.usage && { usage: reading.usage }) }
}

const nothing: ChoiceReading = {
  index: 0,
  text: '',
  reasoning: '',
  refusal: '',
  transcript: '',
  toolCalls: [],
  finishWords: [],
}

/** What the `data` of a whole answer of the platform dialect tells. */
export function toldByPlatformData(data: JsonMap): Told {
  return platformTold(asText(data['content']), asText(data['reasoning']), asList(data['toolCalls']), data)
}

/** What the events of a streamed answer of the platform dialect tell. */
export function toldByPlatformEvents(events: readonly JsonMap[]): Told {
  const deltas = events.filter(({ type }) => type === 'content_block_delta').map(({ delta }) => asMap(delta) ?? {})
  const joined = (name: string): string => deltas.map((delta) => asText(delta[name])).join('')
  const pieces = deltas.flatMap(({ toolCall }) => (toolCall === undefined ? [] : [toolCall]))
  return platformTold(
    joined('text'),
    joined('reasoning'),
    pieces,
    events.findLast(({ type }) => type === 'message_stop') ?? {},
  )
}

function platformTold(text: string, reasoning: string, calls: readonly unknown[], ending: JsonMap): Told {
  const usage = asMap(ending['usage'])
  const input = usage?.['inputTokens']
  const output = usage?.['outputTokens']
  const finish = classOf(asText(ending['stopReason']) || 'none') ?? 'other'
  return {
    choices: [{ index: 0, text, reasoning, toolCalls: platformCalls(calls), finish }],
    firstChoiceOnly: true,
    ...(typeof input === 'number' && typeof output === 'number' && { usage: { input, output } }),
  }
}

/** Tool calls, whole or in pieces with an index: a piece without a name continues the call of its index. */
function platformCalls(pieces: readonly unknown[]): ToldCall[] {
  const calls: { key: unknown; id: string; name: string; arguments: string }[] = []
  for (const piece of pieces) {
    const { index, id, name, arguments: given } = asMap(piece) ?? {}
    const written = typeof given === 'string' ? given : JSON.stringify(given ?? '')
    const known = index === undefined ? undefined : calls.findLast(({ key }) => key === index)
    if (known !== undefined && asText(name) === '') known.arguments += written
    else calls.push({ key: index, id: asText(id), name: asText(name), arguments: written })
  }
  return calls.map(({ key: _key, ...call }) => call)
}
