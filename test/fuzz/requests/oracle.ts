import { create, createRegistry, equals, fromBinary, type Message, toBinary, toJson } from '@bufbuild/protobuf'
import { createValidator } from '@bufbuild/protovalidate'
import { type ChatRequest, ChatRequestSchema, MessageSchema, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { file_switchyard_v1_inference } from '#gen/switchyard/v1/inference_pb.ts'
import {
  anthropicClient,
  bedrockClient,
  cohereClient,
  geminiClient,
  ollamaClient,
  openaiClient,
  responsesClient,
} from '../../../src/dialects/clients.ts'
import type { ClientDialect, ServerDialect } from '../../../src/dialects/contract.ts'
import type { GatewayError } from '../../../src/error/index.ts'
import { lengthOf } from '../../../src/model/length.ts'
import { Fault, never, onlyGatewayError, thrownFault } from '../fault.ts'

/** What is promised of a request that is refused: a status that says whose fault it is, and words that say where. */
export function requireRefusal(dialect: ServerDialect, error: GatewayError): void {
  const status = dialect.errorStatus?.(error) ?? error.status
  if (status !== 400 && status !== 413 && status !== 422)
    throw new Fault('status', `refused with ${status}: ${error.message}`)
  const names = error.details.param !== undefined || /\b(?:body|required)\b/.test(error.message)
  if (!names) throw new Fault('unnamed', `nothing is named: ${error.message}`)
  const body = never('error body', () => dialect.errorBody(error, 'req-1'))
  never('error is no JSON', () => JSON.parse(body) as unknown)
}

const validator = createValidator()
const hello = create(MessageSchema, { role: Role.USER, parts: [{ kind: { case: 'text', value: { text: 'Hi' } } }] })

/** What is promised of a request that is taken: it is one of the contract, and every upstream can be asked it, or says why not. */
export function requireRequest(request: ChatRequest, streaming: boolean): void {
  const bytes = never('binary request', () => toBinary(ChatRequestSchema, request))
  never('json request', () => toJson(ChatRequestSchema, request))
  const again = read(bytes)
  if (again !== undefined && !equals(ChatRequestSchema, request, again))
    throw new Fault('other in binary', 'the request does not survive its own encoding')
  // A provider sees the upstream's model. That nothing is said at all is for the upstream to refuse, which knows what else there is.
  const checked = validator.validate(ChatRequestSchema, {
    ...request,
    model: 'm',
    messages: [hello, ...request.messages],
  })
  if (checked.kind !== 'valid') {
    const words = checked.kind === 'error' ? [checked.error.message] : checked.violations.map(String)
    throw new Fault(`against the contract: ${words[0]?.replaceAll(/\d+/g, '_') ?? ''}`, words.join(', '))
  }
  const length = never('length', () => lengthOf(request))
  if (!Number.isSafeInteger(length) || length < 0) throw new Fault('length', `the request has ${length} characters`)
  for (const client of clients) requireEncoded(client, request, streaming)
}

const messages = createRegistry(...file_switchyard_v1_inference.dependencies)

/** What is promised of a request of another operation that is taken: it is one of the contract. */
export function requireMessage(request: Message): void {
  const schema = messages.getMessage(request.$typeName)
  if (schema === undefined) throw new Fault('no message', `${request.$typeName} is not of the contract`)
  never('binary request', () => toBinary(schema, request))
  never('json request', () => toJson(schema, request))
  const { kind } = validator.validate(schema, { ...request, model: 'm' } as Message)
  if (kind !== 'valid') throw new Fault(`against the contract: ${request.$typeName}`, JSON.stringify(request))
}

/** The request as a reader of its bytes has it; undefined for one that nests deeper than readers of protobuf go. */
function read(bytes: Uint8Array): ChatRequest | undefined {
  try {
    return fromBinary(ChatRequestSchema, bytes)
  } catch (thrown) {
    if (/recursion depth/.test(String(thrown))) return undefined
    throw thrownFault('binary again', thrown)
  }
}

/** Each client half with its options, so that all of them can be asked alike. */
const clients = [
  bound(openaiClient),
  bound(responsesClient),
  bound(anthropicClient),
  bound(geminiClient),
  bound(bedrockClient),
  bound(cohereClient),
  bound(ollamaClient),
]

interface BoundClient {
  readonly name: string
  readonly encode: (request: ChatRequest, streaming: boolean) => string[]
}

function bound<Options>(client: ClientDialect<Options>): BoundClient {
  const { name, defaults, count } = client
  return {
    name,
    encode(request, streaming) {
      const { body, dropped, path = '/', headers = {} } = client.encodeChat(request, streaming, defaults)
      const counted = count?.encodeCount(request, defaults)
      requireTexts(name, [path, counted?.path ?? '/', ...dropped, ...Object.values(headers)])
      return counted === undefined ? [body] : [body, counted.body]
    },
  }
}

function requireTexts(name: string, texts: readonly unknown[]): void {
  for (const text of texts)
    if (typeof text !== 'string') throw new Fault(`encode ${name}`, `a ${typeof text} where a text should be`)
}

/** The upstream's own model name is put in its place; then it is asked with the client's own body, and without. */
function requireEncoded({ name, encode }: BoundClient, request: ChatRequest, streaming: boolean): void {
  for (const asked of [
    { ...request, model: 'm' },
    { ...request, model: 'm', source: undefined },
  ]) {
    let bodies: string[]
    try {
      bodies = encode(asked, streaming)
    } catch (thrown) {
      const { status, message } = onlyGatewayError(`encode ${name}`, thrown)
      if (status !== 400 && status !== 422) throw new Fault(`encode ${name}`, `refused with ${status}: ${message}`)
      continue
    }
    for (const body of bodies) {
      never(`${name} body is no JSON`, () => JSON.parse(body) as unknown)
      if (!body.isWellFormed()) throw new Fault(`${name} body`, 'half a character')
    }
  }
}
