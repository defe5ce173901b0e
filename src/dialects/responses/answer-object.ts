import {
  type Annotation,
  type ChatResponse,
  FinishReason,
  type Image,
  type Logprobs,
  type Part,
  type ProviderPart,
  type TokenLogprob,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { Served } from '../contract.ts'
import { encodeBase64 } from '../parts.ts'
import { encodeAnnotation } from './annotation.ts'
import { madeHere, type Seal, writeSeal } from './seal.ts'
import type { CreateResponse } from './types.ts'
import { encodeUsage } from './usage.ts'

/** An item of the output, to be filled in while it is said. */
export type OutputItem = Record<string, unknown> & { readonly id: string; readonly type: string; status?: string }

/** What every state of an answer's object has: who answers, and since when. */
export interface AnswerHead {
  readonly id: string
  readonly created: number
  readonly model: string
  readonly serviceTier: string
}

/** How an answer stands. */
export interface AnswerState {
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed'
  readonly output: readonly object[]
  readonly usage?: Usage | undefined
  /** Why it is incomplete. */
  readonly reason?: string | undefined
  readonly error?: { readonly code: string; readonly message: string }
}

/** The head of an answer. Ids that are not of this format are made to look like it, since clients tell ids by their prefix. */
export function headOf(
  answer: { readonly id: string; readonly model: string; readonly created: bigint; readonly serviceTier: string },
  served: Served,
): AnswerHead {
  const id = answer.id === '' ? served.requestId : answer.id
  return {
    id: id.startsWith('resp_') ? id : `resp_${id}`,
    created: Number(answer.created) || Math.floor(Date.now() / 1000),
    model: answer.model === '' ? served.alias : answer.model,
    serviceTier: answer.serviceTier,
  }
}

/** The `response` object: the answer as it stands, and the settings of the request, defaults filled in as OpenAI does. */
export function responseObject(head: AnswerHead, asked: CreateResponse, state: AnswerState): object {
  const { status, output, usage, reason, error } = state
  return {
    id: head.id,
    object: 'response',
    created_at: head.created,
    status,
    background: false,
    completed_at: status === 'completed' ? Math.floor(Date.now() / 1000) : null,
    error: error ?? null,
    incomplete_details: reason === undefined ? null : { reason },
    instructions: asked.instructions ?? null,
    max_output_tokens: asked.max_output_tokens ?? null,
    max_tool_calls: asked['max_tool_calls'] ?? null,
    model: head.model,
    output,
    parallel_tool_calls: asked.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: asked.prompt_cache_key ?? null,
    reasoning: { effort: asked.reasoning?.effort ?? null, summary: asked.reasoning?.summary ?? null },
    safety_identifier: asked.safety_identifier ?? null,
    service_tier: head.serviceTier === '' ? (asked.service_tier ?? 'auto') : head.serviceTier,
    store: false,
    temperature: asked.temperature ?? 1,
    text: { ...asked.text, format: asked.text?.format ?? { type: 'text' } },
    tool_choice: asked.tool_choice ?? 'auto',
    tools: asked.tools ?? [],
    top_logprobs: asked.top_logprobs ?? 0,
    top_p: asked.top_p ?? 1,
    truncation: asked.truncation ?? 'disabled',
    ...(usage !== undefined && { usage: encodeUsage(usage) }),
    ...(asked.user != null && { user: asked.user }),
    metadata: asked.metadata ?? {},
  }
}

/** How an answer that ended for this reason stands; `refused` when its own words say that it refuses. */
export function endOf(reason: FinishReason, refused: boolean): Pick<AnswerState, 'status' | 'reason'> {
  switch (reason) {
    case FinishReason.LENGTH:
      return { status: 'incomplete', reason: 'max_output_tokens' }
    case FinishReason.CONTENT_FILTER:
      return { status: 'incomplete', reason: 'content_filter' }
    case FinishReason.REFUSAL:
      return refused ? { status: 'completed' } : { status: 'incomplete', reason: 'content_filter' }
    default:
      return { status: 'completed' }
  }
}

/** The object of a whole answer, translated. Its first choice is the answer: the format has no others. */
export function wholeObject(response: ChatResponse, served: Served, asked: CreateResponse): object {
  const head = headOf(response, served)
  const choice = response.choices[0]
  const parts = choice?.message?.parts ?? []
  const refused = parts.some(({ kind }) => kind.case === 'refusal')
  const end = endOf(choice?.finishReason ?? FinishReason.STOP, refused)
  const output = outputOf(parts, head.id, end.status, choice?.logprobs)
  return responseObject(head, asked, { ...end, output, usage: response.usage })
}

function outputOf(parts: readonly Part[], base: string, status: string, probabilities?: Logprobs): OutputItem[] {
  const items: OutputItem[] = []
  let said: object[] | undefined
  let unsaid = probabilities
  let written = 0
  const add = (item: OutputItem): void => {
    items.push(item)
    said = undefined
  }
  const say = (content: object): void => {
    if (said === undefined) {
      const item = messageItem(itemId('msg', base, items.length), status)
      items.push(item)
      said = item.content
    }
    said.push(content)
  }
  for (const { kind } of parts) {
    const id = (prefix: string): string => itemId(prefix, base, items.length)
    switch (kind.case) {
      case 'text':
        say(textContent(kind.value.text, kind.value.annotations, unsaid, written))
        written += kind.value.text.length
        unsaid = undefined
        if (kind.value.signature !== undefined) add(sealItem(id('rs'), { signature: kind.value.signature, of: 'text' }))
        break
      case 'refusal':
        say({ type: 'refusal', refusal: kind.value.text })
        break
      case 'audio':
        if (kind.value.transcript !== '') say(textContent(kind.value.transcript, []))
        break
      case 'reasoning': {
        const { text, signature, redacted } = kind.value
        const seal = signature === undefined ? undefined : { signature, of: 'reasoning' as const, redacted }
        add(reasoningItem(id('rs'), text, seal))
        break
      }
      case 'toolCall': {
        const { id: callId, name, argumentsJson, custom, signature } = kind.value
        add(callItem(id(custom ? 'ctc' : 'fc'), { callId, name, custom, given: argumentsJson, status }))
        if (signature !== undefined) add(sealItem(id('rs'), { signature, of: 'call', callId }))
        break
      }
      case 'image':
        add(imageItem(id('ig'), kind.value))
        break
      case 'providerPart': {
        const own = ownItem(kind.value)
        if (own !== undefined) add(own)
        break
      }
      default:
    }
  }
  return items
}

/** The id of an item: its kind, that it was made here, the answer it is of, and its place; at most 64 characters, as ids are. */
export function itemId(prefix: string, base: string, index: number): string {
  return `${prefix}_${madeHere}${base.replace(/^resp_/, '').slice(-36)}_${index}`
}

/** A message in which nothing is said yet. */
export function messageItem(id: string, status: string): OutputItem & { readonly content: object[] } {
  return { id, type: 'message', status, role: 'assistant', content: [] }
}

/** A piece of text in a message; `start` is where it begins in all the visible text. */
function textContent(text: string, annotations: readonly Annotation[], probabilities?: Logprobs, start = 0): object {
  return {
    type: 'output_text',
    annotations: annotations.map((note) => encodeAnnotation(note, start)),
    logprobs: (probabilities?.content ?? []).map(tokenObject),
    text,
  }
}

/** An item of reasoning, with the opaque value that it has to be sent back with. */
export function reasoningItem(id: string, text: string, seal?: Seal): OutputItem {
  return {
    id,
    type: 'reasoning',
    summary: text === '' ? [] : [{ type: 'summary_text', text }],
    ...(seal !== undefined && { encrypted_content: writeSeal(seal) }),
  }
}

/** An item of reasoning without words, which carries the opaque value of a text or a call: the format has no other place. */
export function sealItem(id: string, seal: Seal): OutputItem {
  return reasoningItem(id, '', seal)
}

/** A call of a tool. One that is complete has arguments, be it none: clients parse them. */
function callItem(
  id: string,
  call: { callId: string; name: string; custom: boolean; given: string; status: string },
): OutputItem {
  const { callId, name, custom, given, status } = call
  if (custom) return { id, type: 'custom_tool_call', status, call_id: callId, name, input: given }
  const whole = given === '' && status === 'completed' ? '{}' : given
  return { id, type: 'function_call', status, call_id: callId, name, arguments: whole }
}

/** An image that the model made. */
export function imageItem(id: string, { source }: Image): OutputItem {
  const result = source.case === 'data' ? encodeBase64(source.value) : (source.value ?? null)
  return { id, type: 'image_generation_call', status: 'completed', result }
}

/** The item of a part that only this format's vendor knows; undefined for another vendor's. */
export function ownItem({ vendor, json }: ProviderPart): OutputItem | undefined {
  return vendor === 'openai' ? (JSON.parse(json) as OutputItem) : undefined
}

/** A token's log probability. */
export function tokenObject(token: TokenLogprob): object {
  return {
    token: token.token,
    logprob: token.logprob,
    bytes: [...token.utf8],
    top_logprobs: token.top.map((top) => ({ token: top.token, logprob: top.logprob, bytes: [...top.utf8] })),
  }
}
