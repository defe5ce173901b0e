import { createParser } from 'eventsource-parser'
import { Fold } from '../../../src/model/collect.ts'
import { asMap, asText, parseOrText } from '../../wire/case.ts'
import { Fault, never } from '../fault.ts'
import type { Answer } from './answer.ts'
import type { AnswerFormat } from './ends.ts'
import type { Outcome } from './outcome.ts'

/** What a client is given that waits for events. */
interface Line {
  readonly event: string
  readonly data: string
}

/** The client's own dialect can tell whatever came out, as a whole and as a stream; its texts are what they say they are. */
export function requireWritten(format: AnswerFormat, { client, streaming }: Answer, outcome: Outcome): void {
  const { batches, served, encoder, error } = outcome
  if (encoder === undefined || served === undefined) return
  const handed = isHandedThrough(outcome)
  // What a remote provider passes on as another's words is that provider's to answer for.
  const foreign = handed && format === 'contract'
  const fold = new Fold()
  for (const batch of batches) fold.add(batch)
  if (!streaming) {
    const whole = error === undefined ? never('encode whole', () => encoder.whole(fold.response(), served)) : '{}'
    if (!foreign) requireJson('whole', whole)
    return
  }
  const pieces = batches.map((batch) => never('encode events', () => encoder.events(batch, served)))
  const last = never('encode end', () => (error === undefined ? encoder.end() : encoder.fail(error)))
  const lines = linesOf(pieces.join('') + last)
  if (!foreign) for (const { data } of lines) if (data !== '[DONE]') requireJson('event', data)
  const ended = lines.some((line) => isEnd(client, line))
  if (error === undefined && !ended && client !== 'gemini')
    throw new Fault('no end', 'a complete answer has no end for the client')
  if (error !== undefined && ended && client !== 'scaigrid' && !handed)
    throw new Fault('end of a failure', 'an answer that failed looks complete to the client')
}

/** The upstream's own words are passed on as they came, its end among them, before anyone knows that it fails after that. */
function isHandedThrough({ batches }: Outcome): boolean {
  const [first] = batches.flat()
  return first?.event.case === 'started' && first.event.value.rawDialect !== ''
}

function requireJson(what: string, text: string): void {
  const value = parseOrText(text)
  if (typeof value === 'string') throw new Fault(`${what} is no JSON`, text.slice(0, 200))
  if (!text.isWellFormed()) throw new Fault(`${what} is no Unicode`, text.slice(0, 200))
}

/** Events as any reader of them finds them. */
function linesOf(text: string): Line[] {
  const lines: Line[] = []
  const parser = createParser({
    onEvent: ({ event = '', data }) => lines.push({ event, data }),
    onError: (error) => {
      throw new Fault('stray line', error.message)
    },
  })
  parser.feed(text)
  return lines
}

const lastWords: Readonly<Record<string, readonly string[]>> = {
  openai: ['[DONE]'],
  sgp: ['[DONE]'],
  scaigrid: ['[DONE]'],
  anthropic: ['message_stop'],
  platform: ['message_stop'],
  responses: ['response.completed', 'response.incomplete'],
}

function isEnd(client: string, { data }: Line): boolean {
  const word = data === '[DONE]' ? data : asText(asMap(parseOrText(data))?.['type'])
  return lastWords[client]?.includes(word) === true
}
