import type { ChatRoute, ServerDialect } from '../contract.ts'
import { decodeRequest } from './decode-request.ts'
import { embed } from './embed.ts'
import { PlatformAnswer } from './encode-answer.ts'
import { errorAnswer, errorBody } from './errors.ts'
import { images } from './images.ts'
import { absent, routes } from './routes.ts'
import { transcribe } from './transcribe.ts'
import { chatAnswer, chatEvent, chatRequest } from './types.ts'
import { usageRoutes } from './usage-routes.ts'

const chat: ChatRoute = {
  path: '/api/v1/inference/chat',
  summary: 'Chat, answered whole',
  request: chatRequest,
  response: chatAnswer,
  answers: 'whole',
  decode: (body) => ({ request: decodeRequest(body), streaming: false, answer: new PlatformAnswer() }),
}

const chatStream: ChatRoute = {
  path: '/api/v1/inference/chat/stream',
  summary: 'Chat, answered as a stream of events',
  request: chatRequest,
  response: chatEvent,
  answers: 'streamed',
  decode: (body) => ({ request: decodeRequest(body), streaming: true, answer: new PlatformAnswer() }),
}

/** What clients of the `{success, data}` inference API speak to us. */
export const platformServer: ServerDialect = {
  name: 'platform',
  base: '/api/v1/inference',
  passThrough: false,
  chat: [chat, chatStream],
  operations: [embed, images, transcribe],
  routes: [...routes, ...usageRoutes],
  absent,
  error: errorAnswer,
  errorBody,
}
