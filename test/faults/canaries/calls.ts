import { create } from '@bufbuild/protobuf'
import { createClient, type Interceptor, type Transport } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node'
import { ChatEventSchema, ChatRequestSchema, ChatResponseSchema, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { type Ask, asks, counts } from './asks.ts'
import { behaviours } from './behaviours.ts'
import { Client, takeError, takeMessage } from './client.ts'
import { wildModels } from './wild-plugin.ts'
import { formats, others, type Stage, unreachable } from './stage.ts'

/** Who asks a running gateway, and how thoroughly. */
export interface Calling {
  readonly stage: Stage
  readonly url: string
  /** The keys to ask with, in turn. */
  readonly keys: readonly string[]
  /** Every API at every provider; else each provider by some of them. */
  readonly thorough: boolean
}

/** What may be shown to the caller who asked: the model's own words, and the prompt where a refusal quotes it or the API repeats it. */
export function shownTo({ repeats }: Pick<Ask, 'repeats'>, model: string): readonly string[] {
  const [provider, name = ''] = model.split('/')
  const quotes = behaviours[name]?.quotesPrompt ?? true
  return quotes || repeats === true || provider === 'far' ? ['answer', 'prompt'] : ['answer']
}

type Step = () => Promise<unknown>

/** Makes calls of every kind that go well and that go wrong in every way, by every API. Gives how many. */
export async function makeCalls(calling: Calling): Promise<number> {
  const steps = [...overHttp(calling), ...overRpc(calling)]
  await inTurn(steps, 24)
  return steps.length
}

/** Takes the steps, so many at once. */
export async function inTurn(steps: readonly Step[], atOnce: number): Promise<void> {
  const left = [...steps]
  const work = async (): Promise<void> => {
    for (let step = left.shift(); step !== undefined; step = left.shift()) await step()
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

/** Each model that fails in its way, with the APIs that it is asked by. */
function models(thorough: boolean): { readonly model: string; readonly by: readonly Ask[] }[] {
  const some = (at: number): Ask[] => (thorough ? [...asks] : [asks[at % asks.length] as Ask])
  const names = Object.keys(behaviours)
  return [
    ...names.map((name) => ({ model: `openai/${name}`, by: asks })),
    ...[...formats.slice(1), ...others].flatMap((provider, at) =>
      names.map((name, nth) => ({ model: `${provider}/${name}`, by: some(at + nth) })),
    ),
    ...wildModels.map((name, at) => ({ model: `wild/${name}`, by: some(at) })),
    ...['400', '401', '404', '429', '500', '503', 'garbage', 'well'].map((name, at) => ({
      model: `far/${name}`,
      by: some(at),
    })),
    ...[...unreachable.map((name) => `${name}/well`), 'spare', 'hopeless', 'openai/nobody', 'nobody/at-all'].map(
      (model) => ({ model, by: asks }),
    ),
  ]
}

function overHttp({ stage, url, keys, thorough }: Calling): Step[] {
  const client = new Client(stage.evidence, url)
  const { prompt } = stage.canaries
  let turn = 0
  const step = (ask: Ask, model: string, streaming: boolean, leaveAfter?: number): Step => {
    const headers = header(keys[turn++ % keys.length] ?? '', turn)
    const question = { headers, body: ask.body(model, streaming, prompt.text), shows: shownTo(ask, model) }
    return () =>
      client.ask(ask.path(model, streaming), leaveAfter === undefined ? question : { ...question, leaveAfter })
  }
  const both = [false, true]
  const called = models(thorough).flatMap(({ model, by }) =>
    by.flatMap((ask) => both.map((streaming) => step(ask, model, streaming))),
  )
  const left = asks.flatMap((ask) =>
    both.flatMap((streaming) => [1, 30, 120].map((after) => step(ask, 'openai/drip', streaming, after))),
  )
  const counted = counts.flatMap((ask) =>
    ['openai', 'anthropic', 'gemini', 'far'].flatMap((provider) =>
      ['well', '400', '401', '500', 'garbage'].map((name) => step(ask, `${provider}/${name}`, false)),
    ),
  )
  return [...called, ...left, ...counted]
}

/** A caller's key, in all the places where it is taken. */
function header(key: string, turn: number): Record<string, string> {
  return turn % 2 === 0 ? { authorization: `Bearer ${key}` } : { 'x-api-key': key }
}

function overRpc({ stage, url, keys, thorough }: Calling): Step[] {
  const names = Object.keys(behaviours)
  const failing = [
    ...names.map((name) => `openai/${name}`),
    ...(thorough ? formats : formats.slice(1, 3)).flatMap((format) => names.map((name) => `${format}/${name}`)),
    ...['400', '401', '500', 'well'].map((name) => `far/${name}`),
    ...unreachable.map((name) => `${name}/well`),
  ]
  return Object.entries(transports(url, keys)).flatMap(([name, transport], nth) =>
    failing
      .filter((_model, at) => thorough || at % 3 === nth)
      .flatMap((model) => [() => whole(stage, name, transport, model), () => streamed(stage, name, transport, model)]),
  )
}

/** The protocols of RPC, each with a key of its own. */
export function transports(url: string, keys: readonly string[]): Readonly<Record<string, Transport>> {
  const withKey = (key: string): Interceptor[] => [
    (next) => (request) => {
      request.header.set('authorization', `Bearer ${key}`)
      return next(request)
    },
  ]
  const options = (at: number) => ({ baseUrl: url, interceptors: withKey(keys[at % keys.length] ?? '') })
  return {
    grpc: createGrpcTransport(options(0)),
    'grpc-web': createGrpcWebTransport({ ...options(1), httpVersion: '1.1' }),
    connect: createConnectTransport({ ...options(2), httpVersion: '1.1' }),
  }
}

function messageOf(model: string, prompt: string) {
  const parts = [
    { kind: { case: 'text' as const, value: { text: prompt } } },
    {
      kind: {
        case: 'image' as const,
        value: { source: { case: 'data' as const, value: Buffer.from(prompt) }, mediaType: 'image/png' },
      },
    },
  ]
  return create(ChatRequestSchema, { model, messages: [{ role: Role.USER, parts }], user: prompt })
}

async function whole(stage: Stage, name: string, transport: Transport, model: string): Promise<void> {
  const { evidence, canaries } = stage
  const shows = shownTo({}, model)
  const what = `Chat of ${model} over ${name}`
  const heads = (headers: Headers): void =>
    evidence.take(`answers: the head of ${what}`, [...headers].join('\n'), shows)
  try {
    const asked = messageOf(model, canaries.prompt.text)
    const answer = await createClient(InferenceService, transport).chat(asked, { onHeader: heads, onTrailer: heads })
    takeMessage(evidence, what, ChatResponseSchema, answer, shows)
  } catch (error) {
    takeError(evidence, what, error, shows)
  }
}

async function streamed(stage: Stage, name: string, transport: Transport, model: string): Promise<void> {
  const { evidence, canaries } = stage
  const shows = shownTo({}, model)
  const what = `StreamChat of ${model} over ${name}`
  const heads = (headers: Headers): void =>
    evidence.take(`answers: the head of ${what}`, [...headers].join('\n'), shows)
  try {
    const asked = messageOf(model, canaries.prompt.text)
    const client = createClient(InferenceService, transport)
    for await (const event of client.streamChat(asked, { onHeader: heads, onTrailer: heads }))
      takeMessage(evidence, what, ChatEventSchema, event, shows)
  } catch (error) {
    takeError(evidence, what, error, shows)
  }
}
