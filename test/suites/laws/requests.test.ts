import { toJson } from '@bufbuild/protobuf'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ChatRequest,
  ChatRequestSchema,
  type Message,
  Role,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { EncodedChat } from '../../../src/dialects/contract.ts'
import { GatewayError } from '../../../src/error/index.ts'
import type { Part } from '#provider'
import { dialects } from './dialects.ts'
import { requests } from './requests.ts'

/* The laws of both halves for requests: what the client half writes of any request, the server half reads; and it says the same. */

describe.each(dialects)('$name', ({ name, vendor, encode, decode }) => {
  /** Undefined for a request that is refused, since its answer could not have the shape that was asked for. */
  const written = (request: ChatRequest): EncodedChat | undefined => {
    try {
      return encode(request)
    } catch (error) {
      if (error instanceof GatewayError && error.reason === 'unsupported_field') return undefined
      throw error
    }
  }
  const read = (body: string): ChatRequest => {
    const { source, ...request } = decode(body)
    expect(source?.untranslated).toEqual([])
    return request
  }

  test('what is written is read without a rest, and written again as it was', () => {
    fc.assert(
      fc.property(requests(vendor), (request) => {
        const encoded = written(request)
        if (encoded === undefined) return
        expect(written(read(encoded.body))).toMatchObject({ body: encoded.body, dropped: [] })
      }),
      { numRuns: 400 },
    )
  })

  test('what is written without a loss says the same when it is read', () => {
    let whole = 0
    fc.assert(
      fc.property(requests(vendor), (request) => {
        const encoded = written(request)
        if (encoded === undefined || encoded.dropped.length > 0) return
        whole++
        expect(meaning(read(encoded.body), name)).toEqual(meaning(request, name))
      }),
      { numRuns: 500 },
    )
    expect(whole).toBeGreaterThan(50)
  })
})

/** What a request says, whatever words a format has for it. */
function meaning(request: ChatRequest, name: string): unknown {
  const { messages, ...rest } = toJson(ChatRequestSchema, usual(request, name)) as Record<string, unknown>
  // Only chat completions keep every message apart.
  return name === 'openai' ? { ...rest, messages } : { ...rest, turns: turnsOf(request.messages, name) }
}

/** The parts of each side in order: where a side's messages begin and end is not for every format to say. */
function turnsOf(messages: readonly Message[], name: string): unknown[] {
  return messages.flatMap(({ role, parts }) =>
    parts.map((part) => [role === Role.TOOL ? Role.USER : role, name === 'responses' ? part : spoken(part)]),
  )
}

/** A refusal is words of the model's where a format has no place of its own for it, and what a URL leads to is told by its end. */
function spoken(part: Part): Part {
  if (part.kind.case === 'image') {
    const { source, mediaType, detail } = part.kind.value
    const value = {
      ...part.kind.value,
      mediaType: source.case === 'url' ? '' : mediaType,
      detail: detail === 'auto' ? '' : detail,
    }
    return { ...part, kind: { case: 'image', value } }
  }
  if (part.kind.case !== 'refusal') return part
  const { text } = part.kind.value
  return { ...part, kind: { case: 'text', value: { $typeName: 'switchyard.v1.Text', text, annotations: [] } } }
}

/** The request without what only says the usual, and with what a format must say that the request leaves open. */
function usual(request: ChatRequest, name: string): ChatRequest {
  const { parallelToolCalls, store, n, logprobs, serviceTier, toolChoice, responseFormat, ...rest } = request
  const calls = request.tools.length > 0 && toolChoice?.mode !== Mode.NONE
  const tier = name === 'anthropic' && serviceTier === 'default' ? 'standard_only' : serviceTier
  const limit = name === 'anthropic' ? { maxOutputTokens: request.maxOutputTokens ?? limitOf(request) } : {}
  return {
    ...rest,
    ...limit,
    messages: request.messages,
    tools: request.tools.map(usualTool),
    modalities: request.modalities.join() === 'text' ? [] : request.modalities,
    ...(parallelToolCalls === false && calls && { parallelToolCalls }),
    ...(store === true && { store }),
    ...(n !== undefined && n > 1 && { n }),
    ...(logprobs === true && { logprobs }),
    ...(tier !== undefined && tier !== 'auto' && { serviceTier: tier }),
    ...(toolChoice !== undefined && toolChoice.mode !== Mode.AUTO && { toolChoice }),
    ...(responseFormat !== undefined &&
      responseFormat.kind.case !== 'text' && { responseFormat: usualFormat(responseFormat, name) }),
  }
}

/** The limit that the format demands: what remains beside the thinking is the client half's default. */
function limitOf({ reasoning }: ChatRequest): number {
  return (reasoning?.budgetTokens ?? 0) + 4096
}

function usualTool(tool: ChatRequest['tools'][number]): ChatRequest['tools'][number] {
  if (tool.kind.case !== 'function' || tool.kind.value.strict !== false) return tool
  const { strict: _strict, ...value } = tool.kind.value
  return { ...tool, kind: { case: 'function', value } }
}

/** The name of a schema is a label that two formats have not, and they keep to every schema strictly. */
function usualFormat(format: NonNullable<ChatRequest['responseFormat']>, name: string): typeof format {
  if (format.kind.case !== 'jsonSchema' || name === 'openai' || name === 'responses') return format
  const { strict: _strict, ...value } = format.kind.value
  return { ...format, kind: { case: 'jsonSchema', value: { ...value, name: '' } } }
}
