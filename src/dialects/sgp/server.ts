import { z } from 'zod'
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
  headers: { 'x-selected-account-id': z.string().describe('one of the accounts that the key may act for') },
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
