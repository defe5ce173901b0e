import { Buffer } from 'node:buffer'
import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import { collect, completeEvents, fail, GatewayError, type Provider } from '#provider'
import type { RequestFacts } from '../../src/dialects/contract.ts'
import type { CallContext } from '../../src/provider/contract.ts'
import type { Egress, UpstreamRequest, UpstreamResponse } from '../../src/provider/egress.ts'
import { answerOf, egressTo, jsonAnswer, noEgress, silent } from './exchange.ts'
import { type Arrived, type Played, playedFormats, type Question } from './formats/index.ts'
import { endpointAt, secret } from './ways.ts'

/** An upstream in place of the network. */
export interface FakeUpstream {
  readonly egress: Egress
  /** How many answers are being made. */
  readonly running: () => number
}

type Batches = AsyncGenerator<readonly ChatEvent[], void, void>

/**
 * The simulator as an upstream of every format that can be played. Models are the simulator's, each behind `prefix`. What it fails
 * with is told as a vendor would: with the status that its own upstream would have had, or by a connection that breaks. Whoever does
 * not show the key is not let in.
 */
export function fakeUpstream(simulator: Provider, prefix: string): FakeUpstream {
  let running = 0
  async function* counted(batches: Batches): Batches {
    running++
    try {
      yield* batches
    } finally {
      running--
    }
  }

  const chat = async (question: Question, context: CallContext): Promise<UpstreamResponse> => {
    const { request, streaming, contentType } = question
    const asked = { ...request, model: request.model.slice(prefix.length) }
    const batches = counted(completeEvents(chatOf(simulator)(asked, { ...context, streaming })))
    if (!streaming) return jsonAnswer(200, question.whole(await collect(batches)))
    return answerOf(200, { 'content-type': contentType }, written(question, await batches.next(), batches))
  }

  const count = async (played: Played, arrived: Arrived, context: CallContext): Promise<UpstreamResponse> => {
    const question = played.count?.(arrived)
    if (question === undefined) throw fail('not_found', 'nothing is counted here')
    const { model, ...asked } = question.request
    const told = await simulator.countTokens?.({ ...asked, model: model.slice(prefix.length) }, context)
    const $typeName = 'switchyard.v1.CountTokensResponse'
    const { inputTokens = 0 } = told ?? {}
    return jsonAnswer(200, question.write({ $typeName, inputTokens, estimated: false, dropped: [] }))
  }

  const list = async (asked: URL, context: CallContext): Promise<UpstreamResponse> => {
    const names: string[] = []
    for await (const { id = '' } of simulator.listModels?.(context) ?? []) names.push(prefix + id)
    return jsonAnswer(200, JSON.stringify(listPage(asked, names)))
  }

  const egress = egressTo(async (request) => {
    const asked = new URL(request.url)
    const listing = { signal: request.signal, streaming: false, requestId: 'r', egress: noEgress, log: silent }
    if (request.method === 'GET' && /\/models$|\/api\/tags$/.test(asked.pathname)) return list(asked, listing)
    const endpoint = endpointAt(request.url)
    const played = playedFormats.get(endpoint?.format ?? '')
    if (endpoint === undefined || played === undefined)
      return jsonAnswer(404, '{"error":{"message":"there is nothing at this path"}}')
    const context = { signal: request.signal, streaming: false, requestId: 'r', egress: noEgress, log: silent }
    try {
      const arrived = arrivedAt(request)
      return endpoint.counts ? await count(played, arrived, context) : await chat(played.chat(arrived), context)
    } catch (error) {
      if (request.signal.aborted || !(error instanceof GatewayError)) throw error
      return error.reason === 'provider_interrupted' ? answerOf(200, {}, broken(error)) : refusal(played, error)
    }
  })
  return { egress, running: () => running }
}

/** A page of three models after those that were given, in the words of the format that asks for pages like this. */
function listPage({ pathname, searchParams: query }: URL, names: readonly string[]): object {
  if (pathname.endsWith('/api/tags')) return { models: names.map((name) => ({ name, model: name })) }
  const [size, cursor] = [
    ['limit', 'after_id'],
    ['pageSize', 'pageToken'],
    ['page_size', 'page_token'],
  ].find(([most = '']) => query.has(most)) ?? ['', '']
  if (size === '') return { object: 'list', data: names.map((id) => ({ id, object: 'model' })) }
  const from = names.indexOf(query.get(cursor ?? '') ?? '') + 1
  const page = names.slice(from, from + 3)
  const last = page.at(-1)
  const more = from + 3 < names.length
  if (size === 'limit') return { data: page.map((id) => ({ id, type: 'model' })), has_more: more, last_id: last }
  if (size === 'page_size') return { models: page.map((name) => ({ name })), ...(more && { next_page_token: last }) }
  return { models: page.map((name) => ({ name: `models/${name}` })), ...(more && { nextPageToken: last }) }
}

function chatOf(provider: Provider): NonNullable<Provider['chat']> {
  if (provider.chat === undefined) throw fail('internal', 'the simulator cannot chat')
  return provider.chat.bind(provider)
}

/** A streamed answer. It ends as the simulator's does: with an error in the vendor's words, or without a word. */
async function* written(
  question: Question,
  first: IteratorResult<readonly ChatEvent[], void>,
  rest: Batches,
): AsyncGenerator<Buffer, void, void> {
  try {
    for (let step = first; step.done !== true; step = await rest.next()) {
      const piece = Buffer.from(question.events(step.value))
      if (piece.length > 0) yield piece
    }
    yield Buffer.from(question.end())
  } catch (error) {
    if (!(error instanceof GatewayError) || error.reason !== 'provider_error') throw error
    yield Buffer.from(question.fail(error))
  } finally {
    await rest.return()
  }
}

/** A body that breaks off before anything of it is there. */
async function* broken(error: GatewayError): AsyncGenerator<Buffer, void, void> {
  yield Buffer.from('')
  throw error
}

function refusal(played: Played, error: GatewayError): UpstreamResponse {
  const { upstream, retryAfterSeconds } = error.details
  const wait = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  return jsonAnswer(upstream?.status ?? error.status, played.errorBody(error), wait)
}

/** Throws `unauthenticated` for a request without the key. */
function arrivedAt({ url, headers, body = '' }: UpstreamRequest): Arrived {
  if (!Object.values(headers).some((value) => value.includes(secret)))
    throw fail('unauthenticated', 'this is not the key')
  const { pathname: path, searchParams: query } = new URL(url)
  const [, name = ''] = /\/models?\/([^/]+?)(?::\w+|\/converse(?:-stream)?)$/.exec(path) ?? []
  const model = decodeURIComponent(name)
  const lower = new Map(Object.entries(headers).map(([header, value]) => [header.toLowerCase(), value]))
  const facts: RequestFacts = { requestId: 'r', header: (header) => lower.get(header), query, params: { '*': model } }
  const text = Buffer.from(body).toString()
  return { path, facts, text: path.endsWith('awPredict') ? asMessages(text, model, path) : text }
}

/** Anthropic's messages as Vertex AI takes them, with the model and the wish for a stream where Anthropic has them. */
function asMessages(text: string, name: string, path: string): string {
  const { anthropic_version: _version, ...rest } = JSON.parse(text) as Record<string, unknown>
  const model = name === 'count-tokens' ? {} : { model: name }
  return JSON.stringify({ ...rest, ...model, ...(path.endsWith(':streamRawPredict') && { stream: true }) })
}
