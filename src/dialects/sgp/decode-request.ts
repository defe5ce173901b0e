import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, GatewayError, type Issue } from '../../error/index.ts'
import type { JsonBody } from '../contract.ts'
import { replaceModel } from '../json.ts'
import { decodeRequest as decodeCompletionRequest } from '../openai/decode-request.ts'
import { noteUnknown } from '../untranslated.ts'
import { check } from '../validate.ts'
import { memberText } from '../member-text.ts'
import { genericInferenceRequest, inferenceConfiguration } from './types.ts'

/** A chat in the contract's terms, and how the client wants it made and answered. */
export interface DecodedRequest {
  readonly request: ChatRequest
  readonly streaming: boolean
  /** Usage at the end of a stream, unless the arguments say that it is not wanted. */
  readonly includeUsage: boolean
  /** For the whole call. */
  readonly timeoutMs?: number
  /** After the first try. */
  readonly retries?: number
  /** Fields beside the arguments that nobody reads. */
  readonly dropped: readonly string[]
}

/**
 * Reads a generic inference request whose `args` are a chat completion's. They are its `source`, in that dialect, so that an
 * upstream of that format gets them to the letter. Throws `invalid_request` with `issues` for fields that are not as they
 * should be, and `unsupported_operation` for arguments that are not a chat's.
 */
export function decodeRequest(body: JsonBody): DecodedRequest {
  const { model, inference_configuration: configuration } = check(genericInferenceRequest, body.value)
  const args = (body.value['args'] ?? {}) as JsonObject
  if (args['messages'] == null) {
    throw fail('unsupported_operation', 'only chat is served so far: args.messages is required', {
      param: 'args.messages',
    })
  }
  const text = replaceModel(memberText(body.text, 'args') ?? '{}', model)
  const { request, streaming } = decodeArgs({ text, value: { ...args, model } })
  const dropped: string[] = []
  noteUnknown(body.value, genericInferenceRequest.shape, '', dropped)
  noteUnknown(configuration ?? {}, inferenceConfiguration.shape, 'inference_configuration', dropped)
  const { timeout_seconds: seconds, num_retries: retries } = configuration ?? {}
  return {
    request,
    streaming,
    dropped,
    includeUsage: wantsUsage(args),
    ...(seconds != null && { timeoutMs: seconds * 1000 }),
    ...(retries != null && { retries }),
  }
}

function wantsUsage({ stream_options: options }: JsonObject): boolean {
  return valueAt(options ?? null, ['include_usage']) !== false
}

function decodeArgs(args: JsonBody): ReturnType<typeof decodeCompletionRequest> {
  try {
    return decodeCompletionRequest(args)
  } catch (thrown) {
    throw thrown instanceof GatewayError ? placedInArgs(thrown, args.value) : thrown
  }
}

/** A fault of the arguments as one of the body that holds them. */
function placedInArgs(error: GatewayError, args: JsonObject): GatewayError {
  const { param, issues = param === undefined ? undefined : [issueOf(error, param, args)] } = error.details
  if (issues === undefined || param === undefined) return error
  return fail(error.reason, `args.${error.message}`, {
    ...error.details,
    param: `args.${param}`,
    issues: issues.map(({ path, message, type, input }) => ({ path: ['args', ...path], message, type, input })),
  })
}

/** What a decoder found beyond the schema, as the schema would have told it. Its message begins with the path. */
function issueOf({ message }: GatewayError, param: string, args: JsonObject): Issue {
  const path = param.split(/[.[\]]+/).flatMap((step) => (step === '' ? [] : [/^\d+$/.test(step) ? Number(step) : step]))
  const what = message.slice(param.length).replace(/^[: ]+/, '')
  return { path, message: what, type: what === 'is required' ? 'missing' : 'value_error', input: valueAt(args, path) }
}

function valueAt(value: JsonValue, path: readonly (string | number)[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((node, step) => {
    if (node === null || typeof node !== 'object') return undefined
    return Object.hasOwn(node, step) ? (node as JsonObject)[step] : undefined
  }, value)
}
