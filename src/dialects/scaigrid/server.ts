import type { ChatRoute, ServerDialect, Served } from '../contract.ts'
import { batchRoutes } from './batches.ts'
import { decodeRequest } from './decode-request.ts'
import { embed } from './embed.ts'
import { scaigridAnswer } from './encode-answer.ts'
import { errorAnswer, errorBody } from './errors.ts'
import { generate } from './generate.ts'
import { images } from './images.ts'
import { absent } from './routes.ts'
import { synthesize } from './synthesize.ts'
import { transcribe } from './transcribe.ts'
import { chatAnswer, chatRequest } from './types.ts'

const chat: ChatRoute = {
  path: '/v1/inference/chat',
  summary: 'Chat, whole or as a stream of chunks',
  request: chatRequest,
  response: chatAnswer,
  decode: (body) => ({ ...decodeRequest(body), capsOutput: true, answer: scaigridAnswer() }),
}

function headers(requestId: string, served?: Served): Readonly<Record<string, string>> {
  const own = { 'x-scaigrid-request-id': requestId }
  if (served === undefined) return own
  const { alias, provider, model } = served
  return { ...own, 'x-scaigrid-model': headerText(alias), 'x-scaigrid-backend': headerText(`${provider}/${model}`) }
}

/** A name as a header may carry it: what is not printable ASCII is percent-encoded, as in a URL. */
function headerText(name: string): string {
  return name.toWellFormed().replaceAll(/[^\x20-\x7e]/gu, encodeURIComponent)
}

/** What clients of the `{status, data, meta}` inference API speak to us. */
export const scaigridServer: ServerDialect = {
  name: 'scaigrid',
  base: '/v1/inference',
  passThrough: false,
  chat: [chat],
  operations: [generate, embed, images, synthesize, transcribe],
  routes: batchRoutes,
  absent,
  error: errorAnswer,
  errorBody,
  headers,
}
