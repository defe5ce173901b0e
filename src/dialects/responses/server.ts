import type { ChatRoute, ServerDialect } from '../contract.ts'
import { errorAnswer, errorBody } from '../openai/errors.ts'
import { decodeRequest } from './decode-request.ts'
import { AnswerEncoder } from './encode-answer.ts'
import { createResponse, responseObject } from './types.ts'

const responses: ChatRoute = {
  path: '/v1/responses',
  summary: 'A response, whole or as a stream of events; nothing is stored',
  request: createResponse,
  response: responseObject,
  decode(body) {
    const { request, wire, streaming } = decodeRequest(body)
    return { request, streaming, answer: new AnswerEncoder(wire) }
  },
}

/** What clients of OpenAI's Responses API speak to us. */
export const responsesServer: ServerDialect = {
  name: 'responses',
  base: '/v1/responses',
  passThrough: true,
  chat: [responses],
  routes: [],
  absent: ['/v1/responses/*'],
  error: errorAnswer,
  errorBody,
}
