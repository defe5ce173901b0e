import type { ChatRoute, CountRoute, ServerDialect } from '../contract.ts'
import { decodeCount, decodeRequest } from './decode-request.ts'
import { AnswerEncoder } from './encode-answer.ts'
import { errorAnswer, errorBody, errorStatus } from './errors.ts'
import { countRequest, messageObject, messagesRequest, tokenCountObject } from './types.ts'

const chat: ChatRoute = {
  path: '/v1/messages',
  summary: 'Chat, whole or as a stream of events',
  request: messagesRequest,
  response: messageObject,
  decode(body, facts) {
    const { request, streaming } = decodeRequest(body, facts)
    return { request, streaming, answer: new AnswerEncoder() }
  },
}

const count: CountRoute = {
  path: '/v1/messages/count_tokens',
  summary: 'How many tokens a message would read',
  request: countRequest,
  response: tokenCountObject,
  decode: decodeCount,
  encode: ({ inputTokens }) => JSON.stringify({ input_tokens: inputTokens }),
}

/** What clients of Anthropic's API speak to us. */
export const anthropicServer: ServerDialect = {
  name: 'anthropic',
  base: '/v1/messages',
  passThrough: true,
  chat: [chat],
  counts: [count],
  routes: [],
  absent: ['/v1/messages/batches'],
  error: errorAnswer,
  errorBody,
  errorStatus,
  headers: (requestId) => ({ 'request-id': requestId }),
}
