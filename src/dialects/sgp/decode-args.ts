import { create, type JsonObject, type JsonValue } from '@bufbuild/protobuf'
import { InferRequestSchema } from '#gen/switchyard/v1/infer_pb.ts'
import { fail, GatewayError, type Issue } from '../../error/index.ts'
import type { JsonBody, RequestFacts } from '../contract.ts'
import { openaiServer } from '../openai/server.ts'
import type { Ask, OperationName } from '../operation.ts'
import { decodeChat } from './decode-chat.ts'
import { decodeRecording } from './decode-recording.ts'
import { inferAnswer } from './encode-infer.ts'
import { textOf } from '../scalars.ts'
import { wrapped } from './wrap-answer.ts'

/**
 * What arguments ask of a model. Those that OpenAI's API has an operation for are read as that operation's body, and are its
 * `source` in that dialect, so that an upstream of that format gets them to the letter; all others go to the provider as they are.
 */
export function askOf(args: JsonBody, facts: RequestFacts): Ask {
  const operation = operationOf(args.value, facts)
  try {
    if (operation === 'chat') return { operation, ...decodeChat(args) }
    if (operation === 'infer') return inferAsk(args)
    const streaming = args.value['stream'] === true
    if (operation === 'transcribe') return wrapped(decodeRecording(args), streaming)
    const route = openaiServer.operations?.find((one) => one.operation === operation)
    if (route === undefined) return inferAsk(args)
    return wrapped(route.decode(operation === 'generate' ? withUsage(args) : withoutStream(args), facts), streaming)
  } catch (thrown) {
    throw thrown instanceof GatewayError ? placedInArgs(thrown, args.value) : thrown
  }
}

/** The operation that the names of the arguments speak for, or else, by what the model is for, their meaning. */
function operationOf(args: JsonObject, facts: RequestFacts): OperationName {
  const { messages, prompt, input, file, audio, model } = args
  if (messages != null) return 'chat'
  const kinds = facts.operationsOf?.(textOf(model)) ?? []
  // What is said beside a recording is a hint to whoever writes it down.
  if ((file ?? audio) != null && kinds.includes('transcribe')) return 'transcribe'
  if (prompt != null) return promptFor(kinds, args)
  return input == null ? 'infer' : inputFor(kinds, args)
}

/** Models that read what is to be spoken are told from those that read what is to be compared; a model of both, by a voice. */
function inputFor(kinds: readonly string[], { voice }: JsonObject): OperationName {
  const embeds = kinds.includes('embed')
  if (kinds.includes('synthesize') && (voice != null || !embeds)) return 'synthesize'
  return embeds ? 'embed' : 'infer'
}

/** Models that make pictures of a description are told from those that continue a text; a model of both, by a size. */
function promptFor(kinds: readonly string[], { size }: JsonObject): OperationName {
  const continues = kinds.includes('generate') && size == null
  if (kinds.includes('generateImages') && !continues) return 'generate_images'
  return kinds.includes('createVideo') && !continues ? 'create_video' : 'generate'
}

/** A stream ends with its usage here, unless that is not wanted. The client's own words, which an upstream may be sent, do not change. */
function withUsage({ text, value }: JsonBody): JsonBody {
  return {
    text,
    value: value['stream_options'] == null ? { ...value, stream_options: { include_usage: true } } : value,
  }
}

/** What is answered at once knows no stream, and an upstream of it could refuse the word. */
function withoutStream(args: JsonBody): JsonBody {
  const { stream, stream_format: format, ...value } = args.value
  return stream === undefined && format === undefined ? args : { text: JSON.stringify(value), value }
}

function inferAsk({ text, value: { model, ...args } }: JsonBody): Ask {
  const request = create(InferRequestSchema, {
    model: textOf(model),
    args,
    source: { dialect: 'sgp', body: text },
  })
  return args['stream'] === true
    ? { operation: 'infer', request, streaming: true, answer: inferAnswer }
    : { operation: 'infer', request, streaming: false, answer: inferAnswer }
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
  const what = message.startsWith(param) ? message.slice(param.length).replace(/^[: ]+/, '') : message
  return { path, message: what, type: what === 'is required' ? 'missing' : 'value_error', input: valueAt(args, path) }
}

function valueAt(value: JsonValue, path: readonly (string | number)[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((node, step) => {
    if (node === null || typeof node !== 'object') return undefined
    return Object.hasOwn(node, step) ? (node as JsonObject)[step] : undefined
  }, value)
}
