import type { JsonObject } from '@bufbuild/protobuf'
import { z } from 'zod'
import {
  type ChatResponse,
  FinishReason,
  Role,
  ToolChoice_Mode as Mode,
  type ToolCall,
} from '#gen/switchyard/v1/chat_pb.ts'
import { collect } from '../model/collect.ts'
import { asked, call, textOf, toolCallsOf, whereSupported, wordFor } from './asking.ts'
import { type Check, demand, type Exam, NotSupported } from './contract.ts'

const weather: JsonObject = {
  type: 'object',
  properties: {
    city: { type: 'string' },
    unit: { type: 'string', enum: ['celsius', 'kelvin'] },
    days: { type: 'integer', minimum: 2, maximum: 9 },
  },
  required: ['city', 'unit', 'days'],
  additionalProperties: false,
}
const fitting = z.fromJSONSchema(weather)
const tools = [
  {
    kind: {
      case: 'function' as const,
      value: { name: 'weather', description: 'The forecast for a city.', parameters: weather },
    },
  },
]
const question = 'What will the weather be in Oslo for the next 3 days, in celsius?'
const toolFields = /^(tools|parallel_tool_calls)/

/** A picture of sixteen by sixteen dots, all red. */
const redSquare = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR4nGP4z8BAEiJN9aiGUQ1DSgMAd2D+AbTP7dEAAAAASUVORK5CYII=',
  'base64',
)

/** What a request may ask for beside text. A subject need not have any of it, but says what it has not. */
export const featureChecks: readonly Check[] = [
  { operation: 'chat', feature: 'tools', mandatory: false, run: callsATool },
  { operation: 'chat', feature: 'tools required', mandatory: false, run: mustCallATool },
  { operation: 'chat', feature: 'tool results', mandatory: false, run: readsToolResults },
  { operation: 'chat', feature: 'tools forbidden', mandatory: false, run: callsNoTool },
  { operation: 'chat', feature: 'parallel tools', mandatory: false, run: callsToolsAtOnce },
  { operation: 'chat', feature: 'structured output', mandatory: false, run: keepsTheStructure },
  { operation: 'chat', feature: 'reasoning', mandatory: false, run: reasons },
  { operation: 'chat', feature: 'vision input', mandatory: false, run: takesAPicture },
]

/** A subject that cannot require a call is asked all the same: it may call by itself. */
async function callsATool(exam: Exam): Promise<void> {
  const request = asked(exam, question, { tools, toolChoice: { mode: Mode.REQUIRED } })
  await whereSupported(exam, request, toolFields, (response, way) => {
    for (const one of callsIn(response, way)) fits(one, way)
    const reason = response.choices[0]?.finishReason
    demand(reason === FinishReason.TOOL_CALLS, `${way}: it ended with ${wordFor(reason)}, not TOOL_CALLS`)
  })
}

/** The calls of an answer to a request that required one. */
function callsIn(response: ChatResponse, way: string): readonly ToolCall[] {
  const calls = toolCallsOf(response)
  if (calls.length === 0 && response.dropped.includes('tool_choice'))
    throw new NotSupported(`${way}: the model called no tool, and cannot be made to`)
  demand(calls.length > 0, `${way}: no tool was called, and tools are not named as dropped`)
  return calls
}

async function mustCallATool(exam: Exam): Promise<void> {
  const request = asked(exam, 'How are you?', { tools, toolChoice: { mode: Mode.NAMED, names: ['weather'] } })
  await whereSupported(exam, request, /^(tools|tool_choice)/, (response, way) => {
    demand(toolCallsOf(response).length > 0, `${way}: the tool that is required was not called`)
  })
}

function fits({ name, argumentsJson }: ToolCall, way: string): void {
  demand(name === 'weather', `${way}: it called "${name}", which is not among the tools`)
  const { success } = fitting.safeParse(parsed(argumentsJson, way))
  demand(success, `${way}: the arguments do not fit the tool's schema: ${argumentsJson.slice(0, 200)}`)
}

function parsed(text: string, way: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error(`${way}: this is no JSON: ${text.slice(0, 200)}`)
  }
}

async function readsToolResults(exam: Exam): Promise<void> {
  const text = (value: string) => ({ kind: { case: 'text' as const, value: { text: value } } })
  const argumentsJson = '{"city":"Oslo","unit":"celsius","days":3}'
  const toolCall = { id: 'call_1', name: 'weather', argumentsJson }
  const toolResult = { toolCallId: 'call_1', parts: [text('21 degrees')] }
  const messages = [
    { role: Role.USER, parts: [text(question)] },
    { role: Role.ASSISTANT, parts: [{ kind: { case: 'toolCall' as const, value: toolCall } }] },
    { role: Role.TOOL, parts: [{ kind: { case: 'toolResult' as const, value: toolResult } }] },
  ]
  const request = asked(exam, question, { tools, messages })
  await whereSupported(exam, request, /^(tools|messages)/, (response, way) => {
    demand(textOf(response).includes('21'), `${way}: the answer does not tell what the tool said`)
    demand(response.choices[0]?.finishReason === FinishReason.STOP, `${way}: it did not end with STOP`)
  })
}

async function callsNoTool(exam: Exam): Promise<void> {
  const request = asked(exam, question, { tools, toolChoice: { mode: Mode.NONE } })
  await whereSupported(exam, request, /^(tools|tool_choice)/, (response, way) => {
    demand(toolCallsOf(response).length === 0, `${way}: a tool was called though tool_choice is none`)
  })
}

async function callsToolsAtOnce(exam: Exam): Promise<void> {
  const { parallelCalls: model = exam.subject.model } = exam.drills
  const text =
    'Compare the weather in Oslo and in Rome for 3 days, in celsius. Call the tool once for each city, at once.'
  const request = asked(exam, text, { model, tools, toolChoice: { mode: Mode.REQUIRED } })
  await whereSupported(exam, request, toolFields, (response, way) => {
    const calls = callsIn(response, way)
    if (calls.length === 1) throw new NotSupported(`${way}: the model called one tool at a time`)
    for (const one of calls) fits(one, way)
    const ids = calls.map(({ id }) => id).filter((id) => id !== '')
    demand(new Set(ids).size === ids.length, `${way}: two calls have the same id`)
  })
}

async function keepsTheStructure(exam: Exam): Promise<void> {
  const format = { case: 'jsonSchema' as const, value: { name: 'weather', schema: weather, strict: true } }
  const request = asked(exam, 'Invent a forecast for Oslo, as JSON.', { responseFormat: { kind: format } })
  await whereSupported(exam, request, /^response_format/, (response, way) => {
    const { success } = fitting.safeParse(parsed(textOf(response), way))
    demand(success, `${way}: the answer does not fit the schema: ${textOf(response).slice(0, 200)}`)
  })
}

async function reasons(exam: Exam): Promise<void> {
  const request = asked(exam, 'Which is larger, 9.9 or 9.11?', { reasoning: { effort: 'low' } })
  // A subject that reasons and cannot be told how hard has reasoned.
  await whereSupported(exam, request, /^reasoning$/, (response, way) => {
    const parts = response.choices[0]?.message?.parts ?? []
    const shown = parts.findIndex(({ kind }) => kind.case === 'reasoning')
    const counted = response.usage?.reasoningTokens ?? 0
    if (shown === -1 && counted === 0) throw new NotSupported(`${way}: no reasoning is shown or counted`)
    demand(textOf(response) !== '', `${way}: it reasons and does not answer`)
    const first = parts.findIndex(({ kind }) => kind.case === 'text')
    demand(shown === -1 || shown < first, `${way}: the reasoning comes after the answer`)
  })
}

async function takesAPicture(exam: Exam): Promise<void> {
  const text = 'Which colour is this? Answer with one word.'
  const image = { source: { case: 'data' as const, value: redSquare }, mediaType: 'image/png' }
  const parts = [
    { kind: { case: 'text' as const, value: { text } } },
    { kind: { case: 'image' as const, value: image } },
  ]
  const request = asked(exam, text, { messages: [{ role: Role.USER, parts }] })
  const { usage: blind } = await collect(call(exam, asked(exam, text), false))
  await whereSupported(exam, request, /^messages/, (response, way) => {
    demand(textOf(response) !== '', `${way}: the answer has no text`)
    const { usage } = response
    if (usage === undefined || blind === undefined || usage.inputUnknown) return
    demand(usage.inputTokens > blind.inputTokens, `${way}: it read no more tokens with the picture than without`)
  })
}
