import type { ChatRoute, ServerDialect } from '../contract.ts'
import { decodeRequest } from './decode-request.ts'
import { embeddings } from './embed-server.ts'
import { AnswerEncoder } from './encode-answer.ts'
import { errorAnswer, errorBody } from './errors.ts'
import { completions } from './generate-server.ts'
import { imageRoute } from './image-server.ts'
import { absent, routes } from './routes.ts'
import { speechRoute } from './speech-server.ts'
import { transcriptions } from './transcriptions.ts'
import { videoCalls } from './video-server.ts'
import { chatCompletion, chatCompletionRequest } from './types.ts'

const chat: ChatRoute = {
  path: '/v1/chat/completions',
  summary: 'Chat, whole or as a stream of chunks',
  request: chatCompletionRequest,
  response: chatCompletion,
  decode(body) {
    const { request, streaming, includeUsage } = decodeRequest(body)
    return { request, streaming, answer: new AnswerEncoder({ includeUsage, asked: false }) }
  },
}

/** What clients of OpenAI's API speak to us. */
export const openaiServer: ServerDialect = {
  name: 'openai',
  base: '/v1',
  passThrough: true,
  chat: [chat],
  operations: [completions, embeddings, imageRoute, speechRoute, ...transcriptions, ...videoCalls],
  routes,
  absent,
  error: errorAnswer,
  errorBody,
}
