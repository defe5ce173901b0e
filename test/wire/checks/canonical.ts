import type { Client } from '@connectrpc/connect'
import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  type ChatEvent,
  type ChatRequestSchema,
  type ChatResponse,
  type Choice,
  FinishReason,
  Role,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { collect } from '../../../src/model/collect.ts'
import { differences, type Told, type ToldChoice } from '../compare.ts'
import type { FinishClass } from '../finish.ts'
import type { ToolCallReading } from '../meaning.ts'
import { oneDelivery, seedOf } from './deliveries.ts'
import { patience } from './http.ts'
import { type Line, modelName, plainTurn, type Probe, type Subject } from './probe.ts'

/** Asked in the contract itself, the gateway answers events whose fold says what the recording says. */
export function canonicalProbes(subject: Subject): Probe[] {
  return rpcProbe(subject, 'canonical', (line) => toldByRpc(line, subject.streaming))
}

/** Asks one turn over Connect: what the whole answer, or the fold of its events, tells. */
export async function toldByRpc(line: Line, streaming: boolean): Promise<RpcTold> {
  if (!streaming) return toldOf(await line.connect.chat(rpcTurn(line), rpcPatience()))
  const events = await eventsOf(line.connect, line)
  return { ...toldOf(await collect(inBatches(events))), disorder: disorderOf(events) }
}

/** The same over gRPC. A stream is put together by a fold of this suite's own. */
export function grpcProbes(subject: Subject): Probe[] {
  return rpcProbe(subject, 'grpc', async (line) => {
    if (!subject.streaming) return toldOf(await line.grpc.chat(rpcTurn(line), rpcPatience()))
    return toldByEvents(await eventsOf(line.grpc, line))
  })
}

interface RpcTold extends Told {
  /** What is wrong with the order of the events. */
  readonly disorder?: readonly string[]
}

function rpcProbe(
  { wireCase, verdict }: Subject,
  check: 'canonical' | 'grpc',
  ask: (line: Line) => Promise<RpcTold>,
): Probe[] {
  if (verdict.kind !== 'answer') return []
  const pieces = oneDelivery(wireCase.response, seedOf(`${check} ${wireCase.id}`))
  return [
    {
      check,
      label: '',
      pieces,
      async run(line) {
        const told = await ask(line)
        return [...differences(verdict.reading, told), ...(told.disorder ?? [])]
      },
    },
  ]
}

/** The plain turn as a message of the contract. */
export function rpcTurn(line: Line): MessageInitShape<typeof ChatRequestSchema> {
  const messages = plainTurn.map(({ content }) => ({
    role: Role.USER,
    parts: [{ kind: { case: 'text' as const, value: { text: content } } }],
  }))
  return { model: modelName(line), messages }
}

/** Options of a call that gives up after the suite's patience. */
export function rpcPatience(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(patience) }
}

async function eventsOf(client: Client<typeof InferenceService>, line: Line): Promise<ChatEvent[]> {
  const events: ChatEvent[] = []
  for await (const event of client.streamChat(rpcTurn(line), rpcPatience())) events.push(event)
  return events
}

async function* inBatches(events: readonly ChatEvent[]): AsyncGenerator<readonly ChatEvent[]> {
  for (const event of events) yield [event]
}

/** Started first, then deltas, then each choice finished once, then one usage: what the contract says of the order. */
function disorderOf(events: readonly ChatEvent[]): string[] {
  const cases = events.map(({ event }) => event.case).filter((name) => name !== undefined)
  const finished = events.filter(({ event }) => event.case === 'finished').map(({ choice }) => choice)
  const ending = cases.slice(cases.indexOf('finished'))
  const tail = [...finished.map(() => 'finished'), 'usage']
  return [
    ...(cases[0] === 'started' && cases.lastIndexOf('started') === 0
      ? []
      : ['events: do not begin with one `started`']),
    ...(new Set(finished).size === finished.length ? [] : ['events: a choice is finished twice']),
    ...(ending.join() === tail.join() ? [] : [`events: end with ${ending.join(', ') || 'nothing'}`]),
    ...indexGaps(events),
  ]
}

/** The calls of a choice count from zero without gaps, and the first piece of each names the tool. */
function indexGaps(events: readonly ChatEvent[]): string[] {
  const seen = new Map<number, number>()
  return events.flatMap(({ event, choice }) => {
    if (event.case !== 'toolCallDelta') return []
    const next = seen.get(choice) ?? 0
    const { index, name } = event.value
    if (index < next) return []
    seen.set(choice, index + 1)
    if (index > next) return [`events: tool call ${index} of choice ${choice} comes before call ${next}`]
    return name === '' ? [`events: tool call ${index} of choice ${choice} begins without a name`] : []
  })
}

const finishClass: Readonly<Record<FinishReason, FinishClass | undefined>> = {
  [FinishReason.UNSPECIFIED]: undefined,
  [FinishReason.STOP]: 'stop',
  [FinishReason.LENGTH]: 'length',
  [FinishReason.TOOL_CALLS]: 'tool_calls',
  [FinishReason.CONTENT_FILTER]: 'content_filter',
  [FinishReason.REFUSAL]: 'refusal',
  [FinishReason.ERROR]: 'error',
  [FinishReason.OTHER]: 'other',
}

/** What a whole answer of the contract tells. */
function toldOf(response: ChatResponse): Told {
  return { choices: response.choices.map(toldChoice), ...(response.usage && { usage: toldUsage(response.usage) }) }
}

function toldChoice(choice: Choice): ToldChoice {
  const kinds = (choice.message?.parts ?? []).map(({ kind }) => kind)
  const joined = (name: 'text' | 'reasoning' | 'refusal'): string =>
    kinds.map((kind) => (kind.case === name ? kind.value.text : '')).join('')
  const toolCalls = kinds.flatMap((kind): ToolCallReading[] => {
    if (kind.case !== 'toolCall') return []
    const { id, name, argumentsJson, custom } = kind.value
    return [{ id, name, arguments: argumentsJson, custom }]
  })
  return {
    index: choice.index,
    text: joined('text'),
    reasoning: joined('reasoning'),
    refusal: joined('refusal'),
    transcript: kinds.map((kind) => (kind.case === 'audio' ? kind.value.transcript : '')).join(''),
    toolCalls,
    finish: finishClass[choice.finishReason] ?? 'other',
    word: choice.upstreamReason,
  }
}

function toldUsage(usage: Usage): NonNullable<Told['usage']> {
  return {
    input: usage.inputTokens,
    output: usage.outputTokens,
    reasoning: usage.reasoningTokens,
    cacheRead: usage.cacheReadTokens,
    cacheWrite: usage.cacheWrite5mTokens + usage.cacheWrite1hTokens,
    audioInput: usage.audioInputTokens,
    audioOutput: usage.audioOutputTokens,
    estimated: usage.estimated,
  }
}

interface OpenTold {
  text: string
  reasoning: string
  refusal: string
  transcript: string
  readonly toolCalls: { id: string; name: string; arguments: string; custom: boolean }[]
  finish?: FinishClass | undefined
  word?: string
}

/** What a stream of the contract's events tells, put together without the gateway's own fold. */
export function toldByEvents(events: readonly ChatEvent[]): Told {
  const choices = new Map<number, OpenTold>()
  let usage: Usage | undefined
  for (const { event, choice: index } of events) {
    if (event.case === 'usage') usage = event.value
    if (event.case === undefined || event.case === 'usage' || event.case === 'started') continue
    const choice = choices.get(index) ?? { text: '', reasoning: '', refusal: '', transcript: '', toolCalls: [] }
    choices.set(index, choice)
    addEvent(choice, event)
  }
  const told = [...choices].map(([index, choice]) => Object.assign(choice, { index }))
  return { choices: told, ...(usage && { usage: toldUsage(usage) }) }
}

function addEvent(choice: OpenTold, event: ChatEvent['event']): void {
  if (event.case === 'textDelta') choice.text += event.value.text
  else if (event.case === 'reasoningDelta') choice.reasoning += event.value.text
  else if (event.case === 'refusalDelta') choice.refusal += event.value.text
  else if (event.case === 'audioDelta') choice.transcript += event.value.transcript
  else if (event.case === 'finished') {
    choice.finish = finishClass[event.value.reason] ?? 'other'
    choice.word = event.value.upstreamReason
  } else if (event.case === 'toolCallDelta') {
    const { index, id, name, argumentsJson, custom } = event.value
    const call = (choice.toolCalls[index] ??= { id, name, arguments: '', custom })
    call.arguments += argumentsJson
  }
}
