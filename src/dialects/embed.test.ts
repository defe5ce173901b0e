import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { EmbedRequestSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import { type EmbeddingOptions, embed as openai } from './openai/embed-client.ts'
import { embed as cohere } from './cohere/embed-client.ts'
import { embed as gemini } from './gemini/embed-client.ts'
import { embedPredict } from './gemini/embed-predict.ts'
import { geminiClient } from './gemini/client.ts'
import type { EncodedCall, WholeDialect } from './client-operations.ts'
import { splitInputs } from './embed-parts.ts'
import { encodeVector, readVector } from './vectors.ts'

const request = create(EmbedRequestSchema, {
  model: 'm',
  inputs: ['a', 'b'].map((value) => ({ kind: { case: 'text' as const, value } })),
  dimensions: 8,
  purpose: 'search_query',
  user: 'u',
  source: { dialect: 'scaigrid', body: '{}', untranslated: ['x_unknown'] },
})
const ids = create(EmbedRequestSchema, {
  model: 'm',
  inputs: [{ kind: { case: 'tokens', value: { ids: [1, 2] } } }],
})
const voyage: EmbeddingOptions = {
  dimensions: 'output_dimension',
  purpose: { field: 'input_type', words: { query: 'query' } },
  user: false,
  tokens: false,
  formats: ['base64'],
  compact: true,
}
const vertex = { ...geminiClient.defaults, apiVersion: 'v1', modelPrefix: 'publishers/google/models/' }

interface Ways {
  /** Where the format asks for one text at once, the first is what is asked for here. */
  readonly encode: (asked: typeof request) => EncodedCall
  readonly takesIds: boolean
  readonly path: string
  readonly body: object
  readonly dropped: readonly string[]
}

const by =
  <Options>(dialect: WholeDialect<'embed', Options>, options: Options): Ways['encode'] =>
  (asked) =>
    dialect.encode(asked, options)

const texts = [{ parts: [{ text: 'a' }] }, { parts: [{ text: 'b' }] }]
const ways: Readonly<Record<string, Ways>> = {
  openai: {
    encode: by(openai, {}),
    takesIds: true,
    path: '/embeddings',
    body: { model: 'm', input: ['a', 'b'], dimensions: 8, user: 'u' },
    dropped: ['x_unknown', 'purpose'],
  },
  'a vendor compatible with it, in words of its own': {
    encode: by(openai, { embeddings: voyage }),
    takesIds: false,
    path: '/embeddings',
    body: { model: 'm', input: ['a', 'b'], output_dimension: 8, input_type: 'query', encoding_format: 'base64' },
    dropped: ['x_unknown', 'user'],
  },
  cohere: {
    encode: by(cohere, { vendor: 'cohere' }),
    takesIds: false,
    path: '/v2/embed',
    body: { model: 'm', texts: ['a', 'b'], input_type: 'search_query', output_dimension: 8 },
    dropped: ['x_unknown', 'user'],
  },
  gemini: {
    encode: by(gemini, geminiClient.defaults),
    takesIds: false,
    path: '/v1beta/models/m:batchEmbedContents',
    body: {
      requests: texts.map((content) => ({
        model: 'models/m',
        content,
        taskType: 'RETRIEVAL_QUERY',
        outputDimensionality: 8,
      })),
    },
    dropped: ['x_unknown', 'user'],
  },
  vertex: {
    encode: by(embedPredict, vertex),
    takesIds: false,
    path: '/v1/publishers/google/models/m:predict',
    body: {
      instances: ['a', 'b'].map((content) => ({ content, task_type: 'RETRIEVAL_QUERY' })),
      parameters: { outputDimensionality: 8 },
    },
    dropped: ['x_unknown', 'user'],
  },
  // As js-genai writes it (embedContentParametersPrivateToVertex); the model has no field for a purpose.
  'a model that vertex asks otherwise': {
    encode: (asked) => {
      const [first = asked] = embedPredict.split?.({ ...asked, model: 'gemini-embedding-2' }, vertex) ?? []
      return embedPredict.encode(first, vertex)
    },
    takesIds: false,
    path: '/v1/publishers/google/models/gemini-embedding-2:embedContent',
    body: { content: { parts: [{ text: 'a' }] }, embedContentConfig: { outputDimensionality: 8 } },
    dropped: ['x_unknown', 'user', 'purpose'],
  },
}

describe.each(Object.entries(ways))(
  'a request for vectors, for %s',
  (_name, { encode, takesIds, path, body, dropped }) => {
    test('says all that the format can say, and names the rest', () => {
      const encoded = encode(request)
      expect([encoded.path, JSON.parse(String(encoded.body)), encoded.dropped]).toEqual([path, body, dropped])
    })

    test('has token ids where the vendor takes them, and is refused elsewhere', () => {
      if (takesIds) expect(JSON.parse(String(encode(ids).body))).toEqual({ model: 'm', input: [[1, 2]] })
      else expect(() => encode(ids)).toThrow('token ids')
    })
  },
)

test('an answer of vertex is read as it was asked for', () => {
  const encoded = embedPredict.encode({ ...request, model: 'gemini-embedding-2-preview' }, vertex)
  const text = '{"embedding":{"values":[0.5,-1]},"usageMetadata":{"promptTokenCount":3}}'
  expect(embedPredict.decode({ text, contentType: 'application/json' }, encoded, vertex)).toMatchObject({
    embeddings: [{ index: 0, values: [0.5, -1] }],
    usage: { inputTokens: 3 },
  })
  expect(embedPredict.encode({ ...request, model: 'gemini-embedding-001' }, vertex).path).toMatch(/:predict$/)
})

test('a length is refused where the vendor has no field for it', () => {
  expect(() => openai.encode(request, { embeddings: { dimensions: null } })).toThrow('does not have dimensions')
})

describe("a client's own words", () => {
  const own = (body: object): typeof request => ({
    ...request,
    source: {
      $typeName: 'switchyard.v1.Source',
      untranslated: [],
      headers: {},
      dialect: 'openai',
      body: JSON.stringify(body),
    },
  })

  test('go out as they are, but for what the vendor calls otherwise', () => {
    const body = { model: 'x', input: ['a', 'b'], dimensions: 8, user: 'u', encoding_format: 'float', more: 1 }
    expect(openai.encode(own(body), {}).body).toBe(JSON.stringify({ ...body, model: 'm' }))
    expect(JSON.parse(String(openai.encode(own(body), { embeddings: voyage }).body))).toEqual({
      model: 'm',
      input: ['a', 'b'],
      output_dimension: 8,
      more: 1,
    })
  })

  test('say what vectors are for in the vendor’s words, where it has one that means the same', () => {
    const typed = (input_type: string) => openai.encode(own({ input: 'a', input_type }), { embeddings: voyage })
    expect(['search_query', 'query', 'clustering'].map((word) => JSON.parse(String(typed(word).body)))).toMatchObject([
      { input_type: 'query' },
      { input_type: 'query' },
      { input_type: 'clustering' },
    ])
  })

  test('are not handed through where the vendor cannot write what was asked for', () => {
    const base64 = own({ input: 'a', encoding_format: 'base64' })
    expect(openai.encode(base64, { embeddings: { formats: ['float'] } }).passThrough).toBe(false)
    expect(openai.encode(base64, {}).passThrough).toBe(true)
  })
})

test('parts of a request are asked for anew, each with what is lost', () => {
  const parts = splitInputs(request, { inputs: 1 })
  expect(parts.map(({ inputs }) => inputs[0]?.kind.value)).toEqual(['a', 'b'])
  expect(parts.map(({ source }) => source?.untranslated)).toEqual([['x_unknown'], ['x_unknown']])
  expect(splitInputs(request, { inputs: 2 })).toEqual([request])
})

test('parts have no more tokens than an upstream takes at once, but for an input that has more by itself', () => {
  const text = (value: string) => ({ kind: { case: 'text' as const, value } })
  const inputs = [text('a'.repeat(9)), text('b'.repeat(9)), text('語'.repeat(20)), text('c'), ...ids.inputs]
  const parts = splitInputs(
    { ...request, inputs: create(EmbedRequestSchema, { inputs }).inputs },
    { inputs: 9, tokens: 6 },
  )
  expect(parts.map((part) => part.inputs.length)).toEqual([2, 1, 2])
  expect(splitInputs(request, { inputs: 2, tokens: 2 })).toEqual([request])
})

test('a vector is the same after it was written as bytes, and what is none is not read', () => {
  const values = [0.5, -1, 3.25, 0]
  expect(readVector(encodeVector(values))).toEqual(values)
  expect(encodeVector([1])).toBe('AACAPw==')
  expect(['AAA=', '', { a: 1 }, [1, '2']].map(readVector)).toEqual([undefined, undefined, undefined, undefined])
})
