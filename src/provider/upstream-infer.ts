import { type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf'
import { InferEventSchema, type InferRequest } from '#gen/switchyard/v1/infer_pb.ts'
import { replaceModel } from '../dialects/json.ts'
import { isObject } from '../dialects/scalars.ts'
import { sseReader } from '../dialects/sse.ts'
import { problemOf, upstreamError } from '../dialects/upstream.ts'
import { fail, GatewayError } from '../error/index.ts'
import { inferredChunk } from '../model/inferred.ts'
import { conceal, secretsOf } from './conceal.ts'
import type { CallContext, InferEventInit } from './contract.ts'
import type { UpstreamResponse } from './egress.ts'
import { endpointFor, type GenericEndpoint, usageTold } from './generic-endpoint.ts'
import { idOf, post, requireSuccess, type Upstream } from './upstream-http.ts'

/**
 * Asks an endpoint that the contract has no message for: the arguments go out as they are, with only the model replaced, and the
 * answer comes back as it is, whole or each of its events.
 */
export async function* infer<Options>(
  upstream: Upstream<Options>,
  endpoints: readonly GenericEndpoint[],
  request: InferRequest,
  context: CallContext,
): AsyncGenerator<readonly InferEventInit[], void, void> {
  const endpoint = endpointFor(endpoints, request)
  const path = typeof endpoint.path === 'string' ? endpoint.path : endpoint.path(request.args ?? {})
  const accept = context.streaming ? 'text/event-stream, application/json' : 'application/json'
  const response = await post(upstream, path, bodyOf(request), { accept }, context)
  await requireSuccess(upstream, response, context)
  const secrets = secretsOf([context.credential])
  const started: InferEventInit = {
    event: { case: 'started', value: { upstreamRequestId: idOf(response, secrets), dropped: [] } },
  }
  try {
    if (response.header('content-type')?.includes('text/event-stream') === true) {
      yield* streamed(endpoint, response, started)
    } else yield [started, ...eventsOf(endpoint, await response.text())]
  } catch (error) {
    throw error instanceof GatewayError ? conceal(secrets, error) : error
  }
}

/** The arguments as JSON text: the client's own where they came as text. */
function bodyOf({ source, args, model }: InferRequest): string {
  const text = source?.body ?? ''
  return replaceModel(text === '' ? JSON.stringify(args ?? {}) : text, model)
}

/** The events of a stream, until its end or the usual mark of it. Nothing is yielded before the first of them. */
async function* streamed(
  endpoint: GenericEndpoint,
  response: UpstreamResponse,
  started: InferEventInit,
): AsyncGenerator<readonly InferEventInit[], void, void> {
  const reader = sseReader()
  let head: readonly InferEventInit[] = [started]
  const eventsIn = function* (messages: ReturnType<typeof reader.read>): Generator<readonly InferEventInit[]> {
    const events = messages.filter(({ data }) => data !== '[DONE]').flatMap(({ data }) => eventsOf(endpoint, data))
    if (events.length > 0) yield [...head, ...events]
    if (events.length > 0) head = []
  }
  for await (const bytes of response.body) {
    const messages = reader.read(bytes)
    yield* eventsIn(messages)
    if (messages.some(({ data }) => data === '[DONE]')) return
  }
  yield* eventsIn(reader.end())
}

/** A whole answer or a piece of one, and what it says that it consumed. Throws the error that an upstream hid in a success. */
function eventsOf({ usage: read = usageTold }: GenericEndpoint, text: string): InferEventInit[] {
  const json = parsed(text)
  const answer = isObject(json) ? (json as JsonObject) : {}
  const error = answer['error']
  if (typeof error === 'string' || isObject(error)) throw upstreamError(problemOf(answer))
  const told = read(answer)
  const chunk = chunkOf(json, text)
  return told === undefined ? [chunk] : [chunk, { event: { case: 'usage', value: told } }]
}

const mayHoldHalf = /\\u[dD][89a-fA-F]/
const mayBeEndless = /[eE]\+?\d{3}|\d{300}/

/** JSON whose texts are Unicode, as the contract has them. */
function parsed(text: string): JsonValue {
  const whole = (_key: string, value: unknown): unknown => (typeof value === 'string' ? value.toWellFormed() : value)
  try {
    return JSON.parse(text, mayHoldHalf.test(text) ? whole : undefined) as JsonValue
  } catch (cause) {
    throw fail('provider_error', "the provider's answer could not be read", { cause })
  }
}

/** The JSON as the contract carries it: not with a number beyond those of JavaScript. */
function chunkOf(json: JsonValue, text: string): InferEventInit {
  try {
    const chunk = inferredChunk(json)
    if (mayBeEndless.test(text)) toJson(InferEventSchema, chunk)
    return chunk
  } catch (cause) {
    throw fail('provider_error', "the provider's answer could not be read", { cause })
  }
}
