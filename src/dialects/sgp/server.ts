import type { ChatRoute, ServerDialect } from '../contract.ts'
import { decodeRequest } from './decode-request.ts'
import { genericAnswer } from './encode-answer.ts'
import { errorBody, errorStatus } from './errors.ts'
import { errorAnswer, genericInferenceAnswer, genericInferenceRequest } from './types.ts'

const inference: ChatRoute = {
  path: '/v5/inference',
  summary: 'Generic inference, whole or as a stream of chunks',
  request: genericInferenceRequest,
  response: genericInferenceAnswer,
  decode(body, { header }) {
    const { includeUsage, ...ask } = decodeRequest(body)
    const account = header('x-selected-account-id') ?? ''
    return { ...ask, ...(account !== '' && { account }), answer: genericAnswer(includeUsage) }
  },
}

/** What clients of the generic inference API speak to us. */
export const sgpServer: ServerDialect = {
  name: 'sgp',
  base: '/v5',
  passThrough: false,
  chat: [inference],
  routes: [],
  absent: [],
  error: errorAnswer,
  errorBody,
  errorStatus,
}
