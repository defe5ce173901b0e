import { hash } from 'node:crypto'
import { type ChatRequest, fail, FinishReason, type Message, type Part, Role, ToolChoice_Mode as Mode } from '#provider'
import type { SimulatedModel } from './models.ts'
import { sampleOf } from './sample.ts'
import { lorem, tokensOf } from './tokens.ts'

/** One piece of an answer, whole. */
export type Segment =
  | { readonly kind: 'reasoning' | 'text'; readonly text: string }
  | {
      readonly kind: 'call'
      readonly id: string
      readonly name: string
      readonly input: string
      readonly custom: boolean
    }

/** What the model would say if nothing cut it short. */
export interface Answer {
  readonly segments: readonly Segment[]
  readonly reason: FinishReason
  readonly stopSequence: string
}

type Tool = ChatRequest['tools'][number]
type NamedTool = Extract<Tool['kind'], { case: 'function' | 'custom' }>

/** The answer of one choice. Equal requests get equal answers; `id` goes into the ids of tool calls. */
export function answerTo(request: ChatRequest, model: SimulatedModel, choice: number, id: string): Answer {
  const reasoning = reasoningOf(request, choice)
  const tools = toolsToCall(request, model.calls)
  if (tools.length > 0) {
    const calls = tools.map((tool, index) => callOf(tool, `call_${id}_${choice}_${index}`, index))
    return { segments: [...reasoning, ...calls], reason: FinishReason.TOOL_CALLS, stopSequence: '' }
  }
  const { text, stopSequence } = stopped(textOf(request, model, choice), request.stop)
  return { segments: [...reasoning, { kind: 'text', text }], reason: FinishReason.STOP, stopSequence }
}

/** A name for what was asked: equal for equal prompts, models and seeds. */
export function idOf(request: ChatRequest): string {
  const asked = [request.model, String(request.seed ?? 0n), ...request.messages.flatMap(textsOf)]
  return hash('sha256', JSON.stringify(asked)).slice(0, 20)
}

/** What a picture of any size counts. */
const tokensOfAnImage = 85

/** Tokens of every text, image, tool call and tool result of the messages. Audio and files count nothing. */
export function countPrompt({ messages }: ChatRequest): number {
  const texts = messages.flatMap(textsOf).reduce((sum, text) => sum + tokensOf(text).length, 0)
  return texts + messages.reduce((sum, { parts }) => sum + imagesIn(parts), 0) * tokensOfAnImage
}

function imagesIn(parts: readonly Part[]): number {
  return parts.reduce((sum, { kind }) => {
    if (kind.case === 'toolResult') return sum + imagesIn(kind.value.parts)
    return kind.case === 'image' ? sum + 1 : sum
  }, 0)
}

function textsOf({ parts }: Pick<Message, 'parts'>): string[] {
  return parts.flatMap(({ kind }) => {
    if (kind.case === 'text' || kind.case === 'reasoning' || kind.case === 'refusal') return [kind.value.text]
    if (kind.case === 'toolCall') return [kind.value.name, kind.value.argumentsJson]
    return kind.case === 'toolResult' ? textsOf(kind.value) : []
  })
}

// -------------------------------------------------------------------------------------------------------- reasoning

const thoughts = new Map([
  ['none', 0],
  ['minimal', 4],
  ['low', 8],
  ['medium', 16],
  ['high', 32],
  ['xhigh', 64],
])

/** As many tokens of reasoning as the effort stands for, within the budget; none unless one of them is given. */
function reasoningOf({ reasoning, seed }: ChatRequest, choice: number): Segment[] {
  if (reasoning?.effort === undefined && reasoning?.budgetTokens === undefined) return []
  const wished = thoughts.get(reasoning.effort ?? 'medium') ?? 16
  const count = Math.min(wished, reasoning.budgetTokens ?? wished)
  return count === 0 ? [] : [{ kind: 'reasoning', text: lorem(count, seedOf(seed, choice + 1000)) }]
}

function seedOf(seed: bigint | undefined, choice: number): number {
  return Number(BigInt.asUintN(32, seed ?? 0n)) + choice
}

// ------------------------------------------------------------------------------------------------------------- text

function textOf(request: ChatRequest, model: SimulatedModel, choice: number): string {
  const results = toolResults(request)
  const format = request.responseFormat?.kind
  if (format?.case === 'jsonSchema') return JSON.stringify(sampleOf(format.value.schema))
  const text = results.length > 0 ? quote(results) : freeText(request, model, choice)
  return format?.case === 'jsonObject' ? JSON.stringify({ simulated: true, answer: text }) : text
}

function freeText(request: ChatRequest, { filler }: SimulatedModel, choice: number): string {
  if (filler !== undefined) return lorem(filler, seedOf(request.seed, choice))
  const asked = request.messages.findLast(({ role, parts }) => role === Role.USER && parts.some(isText))
  const said = asked?.parts.map(({ kind }) => (kind.case === 'text' ? kind.value.text : '')).join('')
  return said === undefined ? '[simulated] You said nothing.' : `[simulated] You said: ${said}`
}

function isText({ kind }: Message['parts'][number]): boolean {
  return kind.case === 'text'
}

function quote(results: readonly string[]): string {
  return `[simulated] The tool answered: ${results.join(' | ')}`
}

/** The results in the last messages, one message each or all in one; empty when the last word is not a tool's. */
function toolResults({ messages }: ChatRequest): string[] {
  const isResult = ({ parts }: Message): boolean => parts.some(({ kind }) => kind.case === 'toolResult')
  const before = messages.findLastIndex((message) => !isResult(message))
  const parts = messages.slice(before + 1).flatMap((message) => message.parts)
  return parts.flatMap(({ kind }) => (kind.case === 'toolResult' ? [textsOf(kind.value).join(' ')] : []))
}

/** The text before the first stop sequence in it. */
function stopped(text: string, stop: readonly string[]): { text: string; stopSequence: string } {
  let end = text.length
  let stopSequence = ''
  for (const sequence of stop) {
    const at = sequence === '' ? -1 : text.indexOf(sequence)
    if (at === -1 || at >= end) continue
    end = at
    stopSequence = sequence
  }
  return { text: text.slice(0, end), stopSequence }
}

// ------------------------------------------------------------------------------------------------------------ tools

/** The tools to call now: none after a tool's result, else the named, allowed or first ones, functions before free text. */
function toolsToCall(request: ChatRequest, calls: number): NamedTool[] {
  const { mode = Mode.AUTO, names = [] } = request.toolChoice ?? {}
  if (mode === Mode.NONE || toolResults(request).length > 0) return []
  const chosen =
    mode === Mode.NAMED || mode === Mode.ALLOWED ? (tool: NamedTool) => names.includes(tool.value.name) : isAny
  const tools = request.tools
    .map(({ kind }) => kind)
    .filter(isNamed)
    .filter(chosen)
  if (mode === Mode.NAMED && tools.length === 0) {
    throw fail('invalid_request', 'the tool that is to be called is not among the tools', { param: 'tool_choice' })
  }
  if (tools.length === 0) return []
  const sorted = tools.toSorted((one, other) => Number(one.case === 'custom') - Number(other.case === 'custom'))
  const count = request.parallelToolCalls === false ? 1 : calls
  return Array.from({ length: count }, (_, index) => sorted[index % sorted.length]).filter((tool) => tool !== undefined)
}

const isAny = (): boolean => true

function isNamed(kind: Tool['kind']): kind is NamedTool {
  return kind.case === 'function' || kind.case === 'custom'
}

function callOf(tool: NamedTool, id: string, index: number): Segment {
  const { name } = tool.value
  if (tool.case === 'custom') return { kind: 'call', id, name, input: `simulated input ${index + 1}`, custom: true }
  const sample = sampleOf(tool.value.parameters ?? { type: 'object' }, index)
  return { kind: 'call', id, name, input: JSON.stringify(sample), custom: false }
}
