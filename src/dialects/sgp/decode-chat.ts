import type { JsonObject } from '@bufbuild/protobuf'
import type { ChatAsk, JsonBody } from '../contract.ts'
import { decodeRequest } from '../openai/decode-request.ts'
import { isObject } from '../scalars.ts'
import { chatAnswer } from './encode-chat.ts'

/** Reads arguments that are those of a chat completion. Throws `invalid_request`. */
export function decodeChat(args: JsonBody): ChatAsk {
  const { request, streaming } = decodeRequest(args)
  return { request, streaming, answer: chatAnswer(wantsUsage(args.value)) }
}

/** A stream ends with its usage, unless the arguments say that it is not wanted. */
function wantsUsage({ stream_options: options }: JsonObject): boolean {
  return !isObject(options) || (options as JsonObject)['include_usage'] !== false
}
