import type { OperationRoute, ServerDialect } from '../contract.ts'
import { decodeRequest } from './decode-request.ts'
import { errorBody, errorStatus } from './errors.ts'
import { errorAnswer, genericInferenceAnswer, genericInferenceRequest } from './types.ts'

const inference: OperationRoute = {
  path: '/v5/inference',
  summary: 'Generic inference, whole or as a stream of chunks',
  operation: 'infer',
  request: genericInferenceRequest,
  response: genericInferenceAnswer,
  produces: ['text/event-stream'],
  decode: decodeRequest,
}

/** What clients of the generic inference API speak to us. */
export const sgpServer: ServerDialect = {
  name: 'sgp',
  base: '/v5',
  passThrough: false,
  chat: [],
  operations: [inference],
  routes: [],
  absent: [],
  error: errorAnswer,
  errorBody,
  errorStatus,
}
