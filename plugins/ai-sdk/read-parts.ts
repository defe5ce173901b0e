import type { SharedV4ProviderMetadata } from '@ai-sdk/provider'
import {
  annotation,
  type ChatEvent,
  fail,
  finished,
  FinishReason,
  type GatewayError,
  image,
  providerPart,
  reasoningDelta,
  signedText,
  started,
  textDelta,
  isUntold,
  tokenCount,
  toolCallDelta,
  usage,
  usageEvent,
} from '#provider'
import { streamFailure } from './errors.ts'
import type { StreamPart } from './parts.ts'

/** What is known of a call before its answer. */
export interface Answered {
  /** Names the package in opaque values. */
  readonly vendor: string
  readonly model: string
  readonly dropped: readonly string[]
  readonly strict: boolean
}

/**
 * The events of an answer, one batch for each part that says something. An error in the stream is thrown at its end, after the
 * usage; an answer without an end is `provider_interrupted`.
 */
export async function* readParts(
  parts: AsyncIterable<StreamPart> | Iterable<StreamPart>,
  answered: Answered,
): AsyncGenerator<readonly ChatEvent[], void, void> {
  const reader = new PartReader(answered)
  for await (const part of parts) {
    const events = reader.read(part)
    if (events.length > 0) yield events
  }
  if (reader.failure !== undefined) throw reader.failure
  if (!reader.complete) throw fail('provider_interrupted', "the provider's answer ended before it was complete")
}

type Of<Type extends StreamPart['type']> = Extract<StreamPart, { type: Type }>

const reasons: Readonly<Record<string, FinishReason>> = {
  stop: FinishReason.STOP,
  length: FinishReason.LENGTH,
  'tool-calls': FinishReason.TOOL_CALLS,
  'content-filter': FinishReason.CONTENT_FILTER,
  error: FinishReason.ERROR,
}

/** Turns parts into events. Made for one answer. */
class PartReader {
  failure: GatewayError | undefined
  complete = false
  readonly #answered: Answered
  readonly #head = { id: '', model: '', created: 0n }
  readonly #warned: string[] = []
  readonly #calls = new Map<string, number>()
  readonly #streamed = new Set<string>()
  readonly #sealed = new Map<string, SharedV4ProviderMetadata>()
  #begun = false

  constructor(answered: Answered) {
    this.#answered = answered
  }

  read(part: StreamPart): ChatEvent[] {
    if (part.type === 'stream-start') return this.#warn(part)
    if (part.type === 'response-metadata') return this.#describe(part)
    if (part.type === 'error') {
      this.failure ??= streamFailure(part.error)
      return []
    }
    if (part.type === 'finish') return this.#finish(part)
    const events = this.failure === undefined ? this.#content(part) : []
    return events.length === 0 ? [] : [...this.#start(), ...events]
  }

  /** What the package could not carry, it says in warnings. */
  #warn({ warnings }: Of<'stream-start'>): ChatEvent[] {
    for (const warning of warnings)
      if (warning.type === 'unsupported')
        this.#warned.push(warning.feature.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
    if (this.#answered.strict && this.#warned.length > 0)
      throw fail('unsupported_field', `the provider of this model cannot carry: ${this.#warned.join(', ')}`)
    return []
  }

  #describe({ id, modelId, timestamp }: Of<'response-metadata'>): ChatEvent[] {
    if (id !== undefined) this.#head.id = id
    if (modelId !== undefined) this.#head.model = modelId
    if (timestamp !== undefined) this.#head.created = BigInt(Math.floor(timestamp.getTime() / 1000))
    return []
  }

  #start(): ChatEvent[] {
    if (this.#begun) return []
    this.#begun = true
    const { model, dropped } = this.#answered
    const named = [...new Set([...dropped, ...this.#warned])]
    return [started({ ...this.#head, model: this.#head.model || model, dropped: named })]
  }

  #content(part: Exclude<StreamPart, Of<'finish' | 'error' | 'stream-start' | 'response-metadata'>>): ChatEvent[] {
    switch (part.type) {
      case 'text-start':
      case 'reasoning-start':
        this.#seal(part)
        return []
      case 'text-delta':
        this.#seal(part)
        return part.delta === '' ? [] : [textDelta(part.delta)]
      case 'reasoning-delta':
        this.#seal(part)
        return part.delta === '' ? [] : [reasoningDelta({ text: part.delta })]
      case 'text-end':
        return this.#seal(part).map((signature) => signedText('', signature))
      case 'reasoning-end':
        return this.#seal(part).map((signature) => reasoningDelta({ signature }))
      case 'tool-input-start':
        return part.providerExecuted === true ? [] : [this.#call(part.id, part.toolName)]
      case 'tool-input-delta':
        return this.#pieces(part)
      case 'tool-call':
        return this.#wholeCall(part)
      case 'source':
        return part.sourceType === 'url' ? [annotation(citation(part.url, part.title))] : this.#foreign(part)
      case 'file':
        return this.#file(part)
      case 'tool-input-end':
      case 'raw':
        return []
      default:
        return this.#foreign(part)
    }
  }

  /** Remembers a block's opaque values, and gives them as one signature once the block is over. */
  #seal({ type, id, providerMetadata }: { type: string; id: string; providerMetadata?: SharedV4ProviderMetadata }) {
    const key = `${type.split('-', 1)[0]} ${id}`
    const known = this.#sealed.get(key)
    const all = { ...known, ...providerMetadata }
    for (const name of Object.keys(all)) all[name] = { ...known?.[name], ...providerMetadata?.[name] }
    this.#sealed.set(key, all)
    if (!type.endsWith('-end')) return []
    this.#sealed.delete(key)
    return this.#signature(all)
  }

  #signature(metadata: SharedV4ProviderMetadata | undefined) {
    const said = Object.values(metadata ?? {}).some((values) => Object.keys(values).length > 0)
    const { vendor } = this.#answered
    return said ? [{ $typeName: 'switchyard.v1.Signature' as const, vendor, value: JSON.stringify(metadata) }] : []
  }

  #call(id: string, name: string): ChatEvent {
    const index = this.#calls.size
    this.#calls.set(id, index)
    return toolCallDelta({ index, id, name })
  }

  #pieces({ id, delta }: Of<'tool-input-delta'>): ChatEvent[] {
    const index = this.#calls.get(id)
    if (index === undefined || delta === '') return []
    this.#streamed.add(id)
    return [toolCallDelta({ index, argumentsJson: delta })]
  }

  /** The whole call, of which nothing, the name or everything may have been streamed before. */
  #wholeCall(part: Of<'tool-call'>): ChatEvent[] {
    if (part.providerExecuted === true) return this.#foreign(part)
    const opened = this.#calls.has(part.toolCallId) ? [] : [this.#call(part.toolCallId, part.toolName)]
    const index = this.#calls.get(part.toolCallId) ?? 0
    const argumentsJson = this.#streamed.has(part.toolCallId) ? '' : part.input
    const [signature] = this.#signature(part.providerMetadata)
    const rest =
      argumentsJson === '' && signature === undefined ? [] : [toolCallDelta({ index, argumentsJson, signature })]
    return [...opened, ...rest]
  }

  #file(part: Of<'file'>): ChatEvent[] {
    const data: unknown = typeof part.data === 'object' && 'data' in part.data ? part.data.data : part.data
    const bytes = typeof data === 'string' ? Uint8Array.fromBase64(data) : data
    if (!part.mediaType.startsWith('image/') || !(bytes instanceof Uint8Array)) return this.#foreign(part)
    const source = { case: 'data' as const, value: Uint8Array.from(bytes) }
    return [image({ $typeName: 'switchyard.v1.Image', source, mediaType: part.mediaType, detail: '' })]
  }

  /** What the contract has no place for, shown as the package said it. */
  #foreign(part: StreamPart): ChatEvent[] {
    if (part.type === 'raw' || (part.type as string) === 'ping') return []
    const { vendor } = this.#answered
    return [
      providerPart({ $typeName: 'switchyard.v1.ProviderPart', vendor, type: part.type, json: JSON.stringify(part) }),
    ]
  }

  #finish({ finishReason, usage: spent }: Of<'finish'>): ChatEvent[] {
    const { inputTokens, outputTokens } = spent
    const cached = tokenCount(inputTokens.cacheRead) + tokenCount(inputTokens.cacheWrite)
    const reasoning = tokenCount(outputTokens.reasoning)
    const input = tokenCount(inputTokens.total) || tokenCount(cached)
    const output = tokenCount(outputTokens.total) || reasoning
    const cacheReadTokens = tokenCount(inputTokens.cacheRead, input)
    const counted = usageEvent(
      usage({
        inputTokens: input,
        outputTokens: output,
        cacheReadTokens,
        cacheWrite5mTokens: tokenCount(inputTokens.cacheWrite, input - cacheReadTokens),
        reasoningTokens: Math.min(reasoning, output),
        inputUnknown: isUntold(inputTokens.total, cached),
        outputUnknown: isUntold(outputTokens.total, reasoning),
      }),
    )
    const told = inputTokens.total === undefined && outputTokens.total === undefined ? [] : [counted]
    this.complete = finishReason.unified !== 'other' || finishReason.raw !== undefined
    if (!this.complete || this.failure !== undefined) return this.#begun ? told : []
    const called = finishReason.unified === 'stop' && this.#calls.size > 0
    const reason = called ? FinishReason.TOOL_CALLS : (reasons[finishReason.unified] ?? FinishReason.OTHER)
    return [...this.#start(), finished({ reason, upstreamReason: finishReason.raw ?? '' }), ...told]
  }
}

function citation(url: string, title = '') {
  const place = { startIndex: 0, endIndex: 0 }
  return { $typeName: 'switchyard.v1.Annotation' as const, type: 'url_citation', url, title, ...place }
}
