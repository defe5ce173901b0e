import type { ChatResponse } from '#gen/switchyard/v1/chat_pb.ts'
import { type CallContext, collect, completeEvents, GatewayError, type Provider } from '#provider'
import { ask } from '../suites/asking.ts'
import { asMap, asText, bodyBytes, type WireCase } from '../wire/case.ts'
import { excused } from '../wire/excused.ts'
import { formatOf } from '../wire/format.ts'
import { replayHeaders } from '../wire/upstream.ts'
import type { ColumnName } from './columns.ts'
import { answerOf, egressTo } from './exchange.ts'
import { endpointAt, open, surroundingsOf, type Way } from './ways.ts'

/** The format of a recording, as ways are called by it; undefined for what no plugin asks. */
export function formatOfCase(wireCase: WireCase): string | undefined {
  const format = formatOf(wireCase)
  if (format !== undefined) return format === 'completions' ? 'openai' : format
  return countedAt(wireCase)?.format
}

function countedAt({ request }: WireCase): ReturnType<typeof endpointAt> {
  const endpoint = request === undefined ? undefined : endpointAt(`http://upstream${request.path}`)
  return endpoint?.counts === true ? endpoint : undefined
}

/**
 * What a recording shows, when the plugin reads it as the answer to its own request: nothing where its fidelity is excused. The
 * fidelity checks hold what is read here against what the vendor's own SDK reads of the same bytes.
 */
export async function shownBy(wireCase: WireCase, way: Way): Promise<ReadonlySet<ColumnName>> {
  if (excused.some((excuse) => excuse.case === wireCase.id)) return new Set()
  const { response } = wireCase
  const streaming = isStream(wireCase)
  const egress = egressTo(async () => answerOf(response.status, replayHeaders(response), [bodyBytes(response)]))
  const provider = await open(way, egress)
  const context: CallContext = {
    ...surroundingsOf(egress),
    signal: AbortSignal.timeout(10_000),
    streaming,
    requestId: 'recorded',
  }
  try {
    if (countedAt(wireCase) !== undefined) return await shownByCount(provider, way, context)
    const answer = await read(provider, way, context)
    return new Set([
      ...shownInAnswer(answer),
      ...shownInRequest(wireCase, answer),
      ...(streaming ? ['stream' as const] : []),
    ])
  } catch (error) {
    if (error instanceof GatewayError) return new Set(['errors'])
    throw error
  }
}

/** Whether the answer came as a stream, or would have. */
function isStream({ request, response }: WireCase): boolean {
  if ((response.sse ?? response.ndjson ?? response.eventstream) !== undefined) return true
  return /:stream|-stream$/.test(request?.path ?? '') || asMap(request?.body)?.['stream'] === true
}

async function shownByCount(
  provider: Provider,
  { prefix }: Way,
  context: CallContext,
): Promise<ReadonlySet<ColumnName>> {
  const { inputTokens = 0 } = (await provider.countTokens?.(ask(`${prefix}model`, 'hello'), context)) ?? {}
  return new Set(inputTokens > 0 ? ['token count' as const] : [])
}

async function read(provider: Provider, { prefix }: Way, context: CallContext): Promise<ChatResponse> {
  if (provider.chat === undefined) throw new Error('the plugin does not chat')
  return collect(completeEvents(provider.chat(ask(`${prefix}model`, 'hello'), context)))
}

function shownInAnswer({ choices, usage }: ChatResponse): ColumnName[] {
  const parts = choices.flatMap(({ message }) => message?.parts ?? [])
  const calls = choices.map(({ message }) => message?.parts.filter(({ kind }) => kind.case === 'toolCall').length ?? 0)
  const shown: readonly (readonly [ColumnName, boolean])[] = [
    ['text', parts.some(({ kind }) => kind.case === 'text' && kind.value.text !== '')],
    ['tools', calls.some((count) => count > 0)],
    ['parallel tools', calls.some((count) => count > 1)],
    ['reasoning', parts.some(({ kind }) => kind.case === 'reasoning') || (usage?.reasoningTokens ?? 0) > 0],
    ['usage', usage !== undefined && !usage.estimated && usage.inputTokens + usage.outputTokens > 0],
  ]
  return shown.flatMap(([name, isShown]) => (isShown ? [name] : []))
}

/** What was asked for and given: a picture that was answered, a structure that was kept. */
function shownInRequest({ request }: WireCase, answer: ChatResponse): ColumnName[] {
  const body: unknown = request?.body
  const text = (answer.choices[0]?.message?.parts ?? [])
    .map(({ kind }) => (kind.case === 'text' ? kind.value.text : ''))
    .join('')
  return [
    ...(holds(body, isPicture) ? (['vision'] as const) : []),
    ...(holds(body, isStructure) && isJson(text) ? (['structured output'] as const) : []),
  ]
}

/** Whether any object of a request is one of these, by its own members or by the name it stands under. */
function holds(value: unknown, wanted: (name: string, value: unknown) => boolean): boolean {
  if (value === null || typeof value !== 'object') return false
  return Object.entries(value).some(([name, member]) => wanted(name, member) || holds(member, wanted))
}

/** A picture, as the formats have it: a part of its own type, bytes that say they are one, or a list of them. */
function isPicture(name: string, value: unknown): boolean {
  if (name === 'type') return value === 'image' || value === 'image_url' || value === 'input_image'
  const map = asMap(value)
  if (/^(inline_?data|file_?data)$/i.test(name))
    return asText(map?.['mimeType'] ?? map?.['mime_type']).startsWith('image/')
  if (name === 'image') return asMap(map?.['source']) !== undefined
  return name === 'images' && Array.isArray(value) && value.length > 0
}

/** The wish for an answer of a structure, as the formats have it. */
function isStructure(name: string, value: unknown): boolean {
  if (/^response_?mime_?type$/i.test(name)) return value === 'application/json'
  const type = asText(asMap(value)?.['type'])
  if (name === 'response_format' || name === 'format' || name === 'output_format')
    return type.startsWith('json') || isSchema(name, value)
  return name === 'structure' && asMap(value)?.['jsonSchema'] !== undefined
}

/** Ollama has the schema itself, or the word. */
function isSchema(name: string, value: unknown): boolean {
  return name === 'format' && (value === 'json' || asMap(asMap(value)?.['properties']) !== undefined)
}

function isJson(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null
  } catch {
    return false
  }
}
