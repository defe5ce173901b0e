import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ChatEvent, FinishReason, Role, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import { Fold } from '../../model/collect.ts'
import { finished, signedText, started, textDelta, toolCallDelta, usageEvent } from '../../model/events.ts'
import { emptyChatRequest } from '../../model/request.ts'
import { usage } from '../../model/usage.ts'
import type { Served } from '../contract.ts'
import { parseBody } from '../json.ts'
import { calling, linkedImage, message, textPart, toolResult } from '../parts.ts'
import { geminiClient } from './client.ts'
import { decodeRequest } from './decode-request.ts'
import { AnswerEncoder } from './encode-answer.ts'
import { answerReader } from './reader.ts'
import { jsonSchemaOf } from './schema.ts'
import { decodeSignature, encodeSignature, signature } from './signature.ts'

const options = geminiClient.defaults
const served: Served = { requestId: 'r', provider: 'p', model: 'm', alias: 'm', elapsed: () => 1 }
const decoder = () => geminiClient.decodeChat({ dropped: [], passThrough: false }, options, '')
const bodyOf = (value: object) => parseBody(JSON.stringify(value), true)

interface Body {
  contents: { role: string; parts: Record<string, unknown>[] }[]
  systemInstruction?: object
  generationConfig?: Record<string, unknown>
  toolConfig?: object
}

function encode(request: ReturnType<typeof emptyChatRequest>): { body: Body; dropped: readonly string[] } {
  const { body, dropped } = geminiClient.encodeChat(request, false, options)
  return { body: JSON.parse(body) as Body, dropped }
}

function wholeOf(value: object) {
  const fold = new Fold()
  fold.add(decoder().whole(JSON.stringify(value)))
  return fold.response()
}

describe('requests from a client', () => {
  test('keep the name of a file beside a result, and name what else is said of it', () => {
    const functionResponse = {
      name: 'f',
      response: { output: 'see' },
      parts: [
        { inlineData: { mimeType: 'application/pdf', data: 'AAAA', displayName: 'a.pdf', pages: 3 } },
        { fileData: { mimeType: 'image/png', fileUri: 'gs://b/i.png', displayName: 'i' }, rank: 1 },
      ],
    }
    const { source, ...request } = decodeRequest(bodyOf({ contents: [{ parts: [{ functionResponse }] }] }), 'm')
    const at = 'contents[0].parts[0].functionResponse.parts'
    expect(source?.untranslated).toEqual([
      `${at}[0].inlineData.pages`,
      `${at}[1].fileData.displayName`,
      `${at}[1].rank`,
    ])
    expect(encode(request).body.contents[0]?.parts[0]?.['functionResponse']).toMatchObject({
      parts: [
        { inlineData: { mimeType: 'application/pdf', data: 'AAAA', displayName: 'a.pdf' } },
        { fileData: { mimeType: 'image/png', fileUri: 'gs://b/i.png' } },
      ],
    })
  })
})

describe('requests to Google', () => {
  test('join the results of parallel calls in one turn, each with the name of its function', () => {
    const request = emptyChatRequest('gemini-2.5-flash')
    request.messages = [
      message(Role.SYSTEM, [textPart('Be brief.')]),
      message(Role.USER, [textPart('go')]),
      message(Role.ASSISTANT, [calling('a', 'one', '{"x":1}'), calling('b', 'two', '')]),
      message(Role.TOOL, [toolResult('a', [textPart('fine')])]),
      message(Role.TOOL, [toolResult('b', [textPart('{"y":2}')], false)]),
      message(Role.TOOL, [toolResult('b', [textPart('no')], true)]),
    ]
    const { body, dropped } = encode(request)
    expect(dropped).toEqual([])
    expect(body.systemInstruction).toEqual({ parts: [{ text: 'Be brief.' }] })
    expect(body.contents.map(({ role }) => role)).toEqual(['user', 'model', 'user'])
    expect(body.contents[2]?.parts).toEqual([
      { functionResponse: { id: 'a', name: 'one', response: { output: 'fine' } } },
      { functionResponse: { id: 'b', name: 'two', response: { y: 2 } } },
      { functionResponse: { id: 'b', name: 'two', response: { error: 'no' } } },
    ])
  })

  test('bear signatures of Google alone, and name the others', () => {
    const request = emptyChatRequest('gemini-2.5-flash')
    const call = calling('a', 'one', '{}')
    if (call.kind.case === 'toolCall') call.kind.value.signature = signature('gemini', 'R29vZ2xl')
    const said = textPart('so')
    if (said.kind.case === 'text') said.kind.value.signature = signature('anthropic', 'secret')
    request.messages = [message(Role.USER, [textPart('go')]), message(Role.ASSISTANT, [said, call])]
    const { body, dropped } = encode(request)
    expect(body.contents[1]?.parts).toEqual([
      { text: 'so' },
      { functionCall: { id: 'a', name: 'one', args: {} }, thoughtSignature: 'R29vZ2xl' },
    ])
    expect(dropped).toEqual(['messages[1].parts[0].signature'])
  })

  test.each([
    ['gs://bucket/a.png', true],
    ['https://generativelanguage.googleapis.com/v1beta/files/x', true],
    ['https://example.com/a.png', false],
    ['https://example.com/?https://youtube.com/', false],
  ])('link %s only where Google reads it', (url, linked) => {
    const request = emptyChatRequest('gemini-2.5-flash')
    request.messages = [message(Role.USER, [textPart('what?'), linkedImage(url, '', 'url')])]
    const { body, dropped } = encode(request)
    expect(body.contents[0]?.parts.some((part) => part['fileData'] !== undefined)).toBe(linked)
    expect(dropped).toEqual(linked ? [] : ['messages[0].parts[1]'])
  })

  test.each([
    ['gemini-2.5-flash', 'low', { thinkingBudget: 1024 }, []],
    ['gemini-2.5-flash', 'none', { thinkingBudget: 0 }, []],
    ['gemini-3-pro-preview', 'low', { thinkingLevel: 'LOW' }, []],
    ['gemini-3-pro-preview', 'none', undefined, ['reasoning.effort']],
    ['gemini-3-pro-preview', 'xhigh', { thinkingLevel: 'HIGH' }, ['reasoning.effort']],
  ])('tell %s to think with effort %s', (model, effort, config, lost) => {
    const request = emptyChatRequest(model)
    request.messages = [message(Role.USER, [textPart('hm')])]
    request.reasoning = { $typeName: 'switchyard.v1.ReasoningOptions', effort }
    const { body, dropped } = encode(request)
    expect(body.generationConfig?.['thinkingConfig']).toEqual(config)
    expect(dropped).toEqual(lost)
  })

  test.each(['../x', 'a/../../v1/files', 'models/..', ''])('refuse %j as the name of a model', (model) => {
    expect(() => geminiClient.encodeChat(emptyChatRequest(model), false, options)).toThrow('is no model name')
  })

  test('keep a name from choosing another method', () => {
    const { path } = geminiClient.encodeChat(emptyChatRequest('x:deleteAll?a=b#c'), false, options)
    expect(path).toBe('/v1beta/models/x%3AdeleteAll%3Fa%3Db%23c:generateContent')
  })
})

describe('requests of clients', () => {
  test('may be spelled in snake case, but for what is data', () => {
    const request = decodeRequest(
      bodyOf({
        contents: [{ parts: [{ function_call: { name: 'f', args: { snake_case: 1 } } }], role: 'model' }],
        generation_config: { max_output_tokens: 5, thinking_config: { include_thoughts: true }, media_resolution: 'X' },
        safety_settings: [],
      }),
      'm',
    )
    expect(request).toMatchObject({ maxOutputTokens: 5, reasoning: { summary: 'auto' } })
    expect(request.messages[0]?.parts[0]?.kind.value).toMatchObject({ argumentsJson: '{"snake_case":1}' })
    expect(request.source?.untranslated.toSorted()).toEqual(['generationConfig.mediaResolution', 'safetySettings'])
  })

  test('find the call of a result by its name where the call has no id, and name the id that is left over', () => {
    const contents = [
      { role: 'model', parts: [{ functionCall: { name: 'f', args: {} } }] },
      { role: 'user', parts: [{ functionResponse: { id: 'own', name: 'f', response: { output: 'x' } } }] },
    ]
    const { source, ...request } = decodeRequest(bodyOf({ contents }), 'm')
    expect(source?.untranslated).toEqual(['contents[1].parts[0].functionResponse.id'])
    expect(encode(request).body.contents[1]?.parts[0]?.['functionResponse']).toEqual({
      name: 'f',
      response: { output: 'x' },
    })
  })

  test('find the calls of results without ids by name and order', () => {
    const call = (name: string) => ({ functionCall: { name } })
    const result = (name: string, output: string) => ({ functionResponse: { name, response: { output } } })
    const contents = [
      { role: 'model', parts: [call('f'), call('g'), call('f')] },
      { role: 'function', parts: [result('f', '1'), result('f', '2'), result('g', '3')] },
    ]
    const { source: _source, ...request } = decodeRequest(bodyOf({ contents }), 'm')
    const ids = request.messages[0]?.parts.map(({ kind }) => (kind.case === 'toolCall' ? kind.value.id : ''))
    const answered = request.messages[1]?.parts.map(({ kind }) =>
      kind.case === 'toolResult' ? kind.value.toolCallId : '',
    )
    expect(new Set(ids).size).toBe(3)
    expect(answered).toEqual([ids?.[0], ids?.[2], ids?.[1]])
    expect(JSON.stringify(encode(request).body)).not.toContain('"id"')
  })

  test.each([
    [{ mode: 'ANY' }, { mode: Mode.REQUIRED, names: [] }],
    [
      { mode: 'ANY', allowedFunctionNames: ['f'] },
      { mode: Mode.NAMED, names: ['f'] },
    ],
    [
      { mode: 'VALIDATED', allowedFunctionNames: ['f'] },
      { mode: Mode.ALLOWED, names: ['f'] },
    ],
    [{ mode: 3 }, { mode: Mode.NONE, names: [] }],
  ])('choose functions by %j', (functionCallingConfig, choice) => {
    const { toolChoice } = decodeRequest(bodyOf({ contents: [], toolConfig: { functionCallingConfig } }), 'm')
    expect(toolChoice).toMatchObject(choice)
  })

  test('have schemas of Google read as JSON Schema', () => {
    const schema = {
      type: 'OBJECT',
      properties: { type: { type: 'STRING', nullable: true }, n: { type: 3, min_items: '2' } },
    }
    expect(jsonSchemaOf(schema)).toEqual({
      type: 'object',
      properties: { type: { type: ['string', 'null'] }, n: { type: 'integer', minItems: 2 } },
    })
  })

  test("do not take another vendor's signature to Google", () => {
    const sealed = encodeSignature(signature('anthropic', 'secret'))
    const parts = [{ text: 'a', thought: true, thoughtSignature: sealed }]
    const request = decodeRequest(bodyOf({ contents: [{ role: 'model', parts }] }), 'm')
    expect(request.messages[0]?.parts[0]?.kind.value).toMatchObject({
      signature: { vendor: 'anthropic', value: 'secret' },
    })
    const { body, dropped } = geminiClient.encodeChat(request, false, options)
    expect(body).not.toContain(sealed)
    expect(dropped).toEqual(['contents[0].parts[0].thoughtSignature'])
  })
})

test("any vendor's signature survives its wrapping", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), fc.boolean(), (vendor, value, redacted) => {
      const sealed = { signature: signature(vendor, value), redacted: redacted && vendor !== 'gemini' }
      expect(decodeSignature(encodeSignature(sealed.signature, sealed.redacted))).toEqual(sealed)
    }),
  )
})

describe('answers of Google', () => {
  test('mean a blocked prompt by a reason without candidates', () => {
    const { choices } = wholeOf({ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } })
    expect(choices).toMatchObject([{ finishReason: FinishReason.CONTENT_FILTER, upstreamReason: 'PROHIBITED_CONTENT' }])
  })

  test('that are errors, or have nothing in them, are failures', () => {
    const error = { error: { code: 503, message: 'overloaded', status: 'UNAVAILABLE' } }
    expect(() => wholeOf(error)).toThrow(expect.objectContaining({ reason: 'provider_unavailable' }))
    expect(() => wholeOf({ usageMetadata: {} })).toThrow(expect.objectContaining({ reason: 'provider_error' }))
  })

  test('say where a text comes from, counted in UTF-16 units', () => {
    const groundingMetadata = {
      groundingChunks: [{ web: { uri: 'https://a.example', title: 'A' } }],
      groundingSupports: [{ segment: { startIndex: 7, endIndex: 10 }, groundingChunkIndices: [0] }],
    }
    const candidate = { content: { parts: [{ text: 'é né abc' }] }, groundingMetadata, finishReason: 'STOP' }
    const kind = wholeOf({ candidates: [candidate] }).choices[0]?.message?.parts[0]?.kind
    const notes = kind?.case === 'text' ? kind.value.annotations : []
    expect(notes).toMatchObject([
      { type: 'url_citation', url: 'https://a.example', title: 'A', startIndex: 5, endIndex: 8 },
    ])
  })

  test('build arguments that come value by value, and nothing outside of them', () => {
    const piece = (jsonPath: string, stringValue: string, willContinue = false) => ({
      jsonPath,
      stringValue,
      willContinue,
    })
    const partialArgs = [
      piece('$.a.b[0]', 'x', true),
      piece('$.a.b[0]', 'y'),
      piece("$['a']['c d']", 'z'),
      piece('$.__proto__.polluted', 'p'),
      piece('$.a.b[999999999]', 'far'),
      { jsonPath: '$.n', numberValue: 2 },
    ]
    const calls = [
      { functionCall: { name: 'f', willContinue: true } },
      { functionCall: { partialArgs, willContinue: true } },
    ]
    const candidate = { content: { parts: [...calls, { functionCall: {} }] }, finishReason: 'STOP' }
    const { choices } = wholeOf({ candidates: [candidate] })
    const kind = choices[0]?.message?.parts[0]?.kind
    const text = kind?.case === 'toolCall' ? kind.value.argumentsJson : ''
    expect(text).toBe('{"a":{"b":["xy"],"c d":"z"},"__proto__":{"polluted":"p"},"n":2}')
    expect({}).not.toHaveProperty('polluted')
    expect(choices[0]?.finishReason).toBe(FinishReason.TOOL_CALLS)
  })

  test('are never a normal end when they are cut, garbled or out of order', () => {
    const chunk = (part: object, rest: object = {}) =>
      `data: ${JSON.stringify({ candidates: [{ content: { parts: [part] }, ...rest }] })}\r\n\r\n`
    const text = [
      chunk({ text: 'é{"[}', thoughtSignature: 'c2ln' }),
      chunk({ functionCall: { name: 'f', args: { a: 1 } } }),
      chunk({ text: '' }, { finishReason: 'STOP' }),
    ]
    const bytes = Buffer.from(text.join(''))
    const last = Buffer.from(text.slice(0, 2).join('')).length
    fc.assert(
      fc.property(
        fc.nat(bytes.length - 1),
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.constantFrom('text/event-stream', 'application/json'),
        (end, changes, type) => {
          const cut = Buffer.from(bytes.subarray(0, end))
          for (const [at, value] of changes) if (at < cut.length) cut[at] = value
          const reader = answerReader(type)
          const reading = decoder()
          const messages = [...cut].flatMap((byte) => reader.read(Buffer.of(byte)))
          for (const one of [...messages, ...reader.end()]) reading.event(one)
          const { failure } = reading.end()
          if (end < last) expect(failure).toBeDefined()
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('an upstream that never ends', () => {
  test.each([
    ['text/event-stream', 'data: '],
    ['application/json', '[{"candidates":"'],
  ])('is given up before it fills the memory: %s', (type, start) => {
    const reader = answerReader(type)
    const piece = Buffer.alloc(1024 * 1024, 'x')
    reader.read(Buffer.from(start))
    expect(() => {
      for (let count = 0; count < 64; count++) reader.read(piece)
    }).toThrow(expect.objectContaining({ reason: 'provider_error' }))
  })
})

describe('answers to clients', () => {
  const whole = (events: ChatEvent[]) => {
    const answer = new AnswerEncoder('array')
    const text = answer.events(events, served) + answer.end()
    return JSON.parse(text) as {
      candidates?: { content?: { parts: object[] }; finishReason?: string }[]
      usageMetadata?: object
    }[]
  }

  test('have each call whole, and the end together with the usage', () => {
    const values = whole([
      started({ id: 'x', model: 'm' }),
      toolCallDelta({ index: 0, id: 'a', name: 'f' }),
      toolCallDelta({ index: 1, id: 'b', name: 'g' }),
      toolCallDelta({ index: 1, argumentsJson: '{"y":' }),
      toolCallDelta({ index: 0, argumentsJson: '{"x":1}' }),
      toolCallDelta({ index: 1, argumentsJson: '2}' }),
      finished({ reason: FinishReason.TOOL_CALLS }),
      usageEvent(usage({ inputTokens: 3, outputTokens: 5, reasoningTokens: 2 })),
    ])
    expect(values.map(({ candidates }) => candidates?.[0]?.content?.parts[0])).toEqual([
      { functionCall: { id: 'a', name: 'f', args: { x: 1 } } },
      { functionCall: { id: 'b', name: 'g', args: { y: 2 } } },
      { text: '' },
    ])
    expect(values.at(-1)).toMatchObject({
      candidates: [{ finishReason: 'STOP' }],
      usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 3, thoughtsTokenCount: 2, totalTokenCount: 8 },
    })
  })

  test('show a call that was cut short as one that goes on', () => {
    const values = whole([
      started({}),
      toolCallDelta({ index: 0, id: 'a', name: 'f', argumentsJson: '{"x":"unfin' }),
      finished({ reason: FinishReason.LENGTH }),
    ])
    const part = values[0]?.candidates?.[0]?.content?.parts[0]
    expect(part).toMatchObject({
      functionCall: { name: 'f', willContinue: true, partialArgs: [{ stringValue: '{"x":"unfin' }] },
    })
    expect(part).not.toHaveProperty('functionCall.args')
    expect(values.at(-1)?.candidates?.[0]?.finishReason).toBe('MAX_TOKENS')
  })

  test('keep a signature that stands on an empty text', () => {
    const values = whole([
      started({}),
      textDelta('a'),
      signedText('', signature('gemini', 'sig')),
      finished({ reason: FinishReason.STOP }),
    ])
    expect(values[1]?.candidates?.[0]?.content?.parts).toEqual([{ text: '', thoughtSignature: 'sig' }])
  })

  test('are JSON to the end when they fail, before and after the first chunk', () => {
    const error = fail('provider_interrupted', 'it broke')
    for (const events of [[], [started({}), textDelta('a')]]) {
      const answer = new AnswerEncoder('array')
      const values = JSON.parse(answer.events(events, served) + answer.fail(error)) as { error?: { status: string } }[]
      expect(values.at(-1)?.error?.status).toBe('UNAVAILABLE')
    }
  })
})
