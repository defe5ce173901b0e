import { describe, expect, test } from 'vitest'
import { asList, asMap, asText, type JsonMap, readCases } from '../../../test/wire/case.ts'
import { type ChatRequest, type Part, Role, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import { emptyChatRequest } from '../../model/request.ts'
import { calling, inlineFile, message, part, textPart, toolResult } from '../parts.ts'
import { bedrockClient } from './client.ts'
import { encodeRequest } from './encode-request.ts'

const encode = (request: ChatRequest, streaming = false) => {
  const encoded = encodeRequest(request, streaming, bedrockClient.defaults)
  return { ...encoded, body: JSON.parse(encoded.body) as JsonMap }
}
const signed = (text: string, vendor: string, redacted = false): Part =>
  part({
    case: 'reasoning',
    value: {
      $typeName: 'switchyard.v1.Reasoning',
      text,
      redacted,
      signature: { $typeName: 'switchyard.v1.Signature', vendor, value: 'c2ln' },
    },
  })
const tool = (name: string, strict?: boolean): ChatRequest['tools'][number] => ({
  $typeName: 'switchyard.v1.Tool',
  kind: {
    case: 'function',
    value: {
      $typeName: 'switchyard.v1.FunctionTool',
      name,
      description: '',
      parameters: { type: 'object' },
      ...(strict !== undefined && { strict }),
    },
  },
})
const choose = (mode: Mode, ...names: string[]): ChatRequest['toolChoice'] => ({
  $typeName: 'switchyard.v1.ToolChoice',
  mode,
  names,
})

describe('recorded requests, read into a canonical one and written again', () => {
  const cases = readCases(`${import.meta.dirname}/../../../test/wire/cases/bedrock-converse`).flatMap((wireCase) => {
    const body = asMap(wireCase.request?.body)
    const guarded = JSON.stringify(body ?? '').includes('guardContent')
    return body === undefined || guarded ? [] : [[wireCase.id, wireCase.request?.path ?? '', body] as const]
  })

  test('are eight of nine: one is guarded by a guardrail, which no other format has', () =>
    expect(cases.length).toBe(8))

  test.each(cases)('%s', (_id, path, recorded) => {
    const streaming = path.endsWith('-stream')
    const { body, path: written, dropped } = encode(readRecorded(path, recorded), streaming)
    expect(dropped).toEqual([])
    expect(decodeURIComponent(written ?? '')).toBe(path)
    // Empty objects and lists say nothing, a schema's text may be spaced otherwise, and how thinking is asked for is another test's.
    const plain = (value: JsonMap): unknown => {
      const { additionalModelRequestFields: _fields, ...rest } = value
      const text = JSON.stringify(rest, (key, node: unknown) => {
        if (key === 'schema' && typeof node === 'string') return JSON.parse(node) as unknown
        return (key === 'system' || key === 'inferenceConfig') && Object.keys(node as object).length === 0
          ? undefined
          : node
      })
      return JSON.parse(text)
    }
    expect(plain(body)).toEqual(plain(recorded))
  })
})

/** The canonical request that a recorded one means, as far as the recordings go. */
function readRecorded(path: string, body: JsonMap): ChatRequest {
  const model = decodeURIComponent(path.split('/')[2] ?? '')
  const inference = asMap(body['inferenceConfig']) ?? {}
  const tools = asMap(body['toolConfig'])
  const schema = asMap(asMap(asMap(asMap(body['outputConfig'])?.['textFormat'])?.['structure'])?.['jsonSchema'])
  const system = asList(body['system'])
  return {
    ...emptyChatRequest(model),
    messages: [
      ...(system.length === 0 ? [] : [message(Role.SYSTEM, readBlocks(system))]),
      ...asList(body['messages']).map((one) =>
        message(
          asMap(one)?.['role'] === 'user' ? Role.USER : Role.ASSISTANT,
          readBlocks(asList(asMap(one)?.['content'])),
        ),
      ),
    ],
    ...(typeof inference['maxTokens'] === 'number' && { maxOutputTokens: inference['maxTokens'] }),
    ...(typeof inference['temperature'] === 'number' && { temperature: inference['temperature'] }),
    tools: asList(tools?.['tools']).map((one) => {
      const spec = asMap(asMap(one)?.['toolSpec']) ?? {}
      const made = tool(asText(spec['name']), spec['strict'] as boolean | undefined)
      if (made.kind.case === 'function') {
        made.kind.value.description = asText(spec['description'])
        made.kind.value.parameters = asMap(spec['inputSchema'])?.['json'] as never
      }
      return made
    }),
    ...(asMap(tools?.['toolChoice'])?.['auto'] !== undefined && { toolChoice: choose(Mode.AUTO) }),
    ...(schema !== undefined && {
      responseFormat: {
        $typeName: 'switchyard.v1.ResponseFormat',
        kind: {
          case: 'jsonSchema',
          value: {
            $typeName: 'switchyard.v1.JsonSchemaFormat',
            name: asText(schema['name']),
            description: asText(schema['description']),
            schema: JSON.parse(asText(schema['schema'])) as never,
          },
        },
      },
    }),
  }
}

function readBlocks(blocks: readonly unknown[]): Part[] {
  const parts: Part[] = []
  for (const block of blocks) {
    const [[kind, value] = ['', null]] = Object.entries(asMap(block) ?? {})
    const map = asMap(value) ?? {}
    const last = parts.at(-1)
    if (kind === 'text') parts.push(textPart(asText(value)))
    else if (kind === 'cachePoint' && last !== undefined)
      last.cacheControl = { $typeName: 'switchyard.v1.CacheControl', ttlSeconds: map['ttl'] === '1h' ? 3600 : 0 }
    else if (kind === 'toolUse')
      parts.push(calling(asText(map['toolUseId']), asText(map['name']), JSON.stringify(map['input'])))
    else if (kind === 'toolResult') parts.push(toolResult(asText(map['toolUseId']), readBlocks(asList(map['content']))))
    else if (kind === 'document') parts.push(readDocument(map))
    else if (kind === 'reasoningContent') {
      const { text, signature } = asMap(map['reasoningText']) ?? {}
      const thought = signed(asText(text), 'bedrock')
      if (thought.kind.case === 'reasoning' && thought.kind.value.signature !== undefined)
        thought.kind.value.signature.value = asText(signature)
      parts.push(thought)
    } else throw new Error(`no reading of ${kind}`)
  }
  return parts
}

function readDocument(map: JsonMap): Part {
  const source = asMap(map['source']) ?? {}
  const types: Record<string, string> = { pdf: 'application/pdf', txt: 'text/plain' }
  const mediaType = types[asText(map['format'])] ?? ''
  const name = asText(map['name'])
  const uri = asText(asMap(source['s3Location'])?.['uri'])
  if (uri === '') return inlineFile(`data:${mediaType};base64,${asText(source['bytes'])}`, name, 'x')
  const value = {
    $typeName: 'switchyard.v1.File' as const,
    source: { case: 'url' as const, value: uri },
    mediaType,
    name,
  }
  return part({ case: 'file', value })
}
