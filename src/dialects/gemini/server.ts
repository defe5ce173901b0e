import { fail } from '../../error/index.ts'
import type { ChatRoute, CountRoute, RequestFacts, ServerDialect } from '../contract.ts'
import { decodeCountRequest, decodeRequest } from './decode-request.ts'
import { embeddingsAt } from './embed-server.ts'
import { AnswerEncoder } from './encode-answer.ts'
import { errorAnswer, errorBody } from './errors.ts'
import { absent, routes } from './routes.ts'
import { countTokensRequest, countTokensResponse, generateContentRequest, generateContentResponse } from './types.ts'

/** The model that the path names. */
function modelOf({ params }: RequestFacts): string {
  const model = params['*'] ?? ''
  if (model === '') throw fail('invalid_request', 'model is required', { param: 'model' })
  if (model.length > 512) throw fail('invalid_request', 'model: must be at most 512 characters', { param: 'model' })
  return model
}

/** Versions of the API that are alike in what is served here. Newer SDKs ask for v1, below which OpenAI's API lives too. */
const versions = ['/v1beta', '/v1'] as const

const chatAt = (version: string): ChatRoute[] => [
  {
    path: `${version}/models/*:generateContent`,
    summary: 'An answer as a whole',
    request: generateContentRequest,
    response: generateContentResponse,
    answers: 'whole',
    decode: (body, facts) => ({
      request: decodeRequest(body, modelOf(facts)),
      streaming: false,
      answer: new AnswerEncoder('events'),
    }),
  },
  {
    path: `${version}/models/*:streamGenerateContent`,
    summary: 'An answer as a stream: server-sent events with `?alt=sse`, one growing JSON array without',
    request: generateContentRequest,
    response: generateContentResponse,
    decode: (body, facts) => ({
      request: decodeRequest(body, modelOf(facts)),
      streaming: true,
      answer: new AnswerEncoder(facts.query.get('alt') === 'sse' ? 'events' : 'array'),
    }),
  },
]

const countAt = (version: string): CountRoute => ({
  path: `${version}/models/*:countTokens`,
  summary: 'How many tokens a request would read',
  request: countTokensRequest,
  response: countTokensResponse,
  decode: (body, facts) => decodeCountRequest(body, modelOf(facts)),
  encode: ({ inputTokens }) => JSON.stringify({ totalTokens: inputTokens }),
})

/** What clients of Google's Gemini API speak to us. */
export const geminiServer: ServerDialect = {
  name: 'gemini',
  base: '/v1beta',
  passThrough: true,
  chat: versions.flatMap(chatAt),
  counts: versions.map(countAt),
  operations: versions.flatMap((version) => embeddingsAt(version, modelOf)),
  token: (header, query) => header('x-goog-api-key') ?? query.get('key') ?? undefined,
  routes,
  absent,
  error: errorAnswer,
  errorBody,
}
